"""MONAI's nets by name: their targets, with the settings of a classifier of 3D scans."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from torch import nn

from lungcam.errors import InputError

PACKAGE = "monai.networks.nets"
# parameters under which a net takes its dimensions, input channels, outputs and input shape
DIMENSIONS = ("spatial_dims",)
INPUTS = ("in_channels", "n_input_channels")
OUTPUTS = ("out_channels", "num_classes", "classes")
SHAPES = ("img_size",)
SHAPES_WITH_CHANNEL = ("in_shape",)
# names of EfficientNet's sizes, which are a setting of one class
EFFICIENT_NET = "EfficientNetBN"
EFFICIENT_NET_SIZE = re.compile(r"efficientnet[-_]?(?P<size>b[0-8]|l2)")


def named_net(model: Mapping[str, Any], *, shape: Sequence[int]) -> dict[str, Any]:
    """Return the node of a net of MONAI that `model.name` names.

    Args:
        model: Node `model`, with `name` and settings of the net; these precede those that are
            filled in.
        shape: `(W, H, D)` of the net's input.

    Returns:
        Node with the `_target_` of the net, three dimensions, one input channel and one output,
        each under the net's own name.

    Raises:
        InputError: MONAI has no such net, or the net is no classifier of 3D images with a number
            of channels.
    """
    settings = {key: value for key, value in model.items() if key != "name"}
    name = str(model["name"])
    if match := EFFICIENT_NET_SIZE.fullmatch(name.lower()):
        settings = {"model_name": f"efficientnet-{match['size']}", **settings}
        name = EFFICIENT_NET
    nets = _nets()
    if name not in nets:
        # MONAI lists many under several spellings
        spellings = {spelling.lower(): spelling for spelling in nets}
        if name.lower() not in spellings:
            raise InputError(f"model.name={name}: MONAI has no such net{_hint(name, nets)}.")
        name = spellings[name.lower()]
    names = _parameters(nets[name])
    filled: dict[str, Any] = {
        **dict.fromkeys(DIMENSIONS, 3),
        **dict.fromkeys(INPUTS, 1),
        **dict.fromkeys(OUTPUTS, 1),
        **{key: list(shape) for key in SHAPES},
        **{key: [1, *shape] for key in SHAPES_WITH_CHANNEL},
    }
    filled = {key: value for key, value in filled.items() if key in names}
    if not filled.keys() & {*INPUTS, *SHAPES_WITH_CHANNEL}:
        raise refusal(name, "it takes no number of input channels")
    return {"_target_": f"{PACKAGE}.{name}", **filled, **settings}


def check_output(name: str, output: Any) -> None:
    """Refuse a net that gives anything but one logit for a scan.

    Args:
        name: Name of the net.
        output: Its output for one scan.

    Raises:
        InputError: Says what the net gives.
    """
    shape = tuple(getattr(output, "shape", ()))
    if shape not in ((1,), (1, 1)):
        given = " x ".join(map(str, shape)) or f"a {type(output).__name__}"
        raise refusal(name, f"it gives {given}, not one logit for a scan")


def refusal(name: str, reason: str) -> InputError:
    """Return the error that refuses a net, for a reason."""
    return InputError(
        f"model.name={name}: {reason}; choose a classifier of 3D images, such as resnet18."
    )


def _hint(name: str, nets: Mapping[str, Any]) -> str:
    """Return the net that was probably meant."""
    spellings = {spelling.lower(): spelling for spelling in nets}
    close = get_close_matches(name.lower(), spellings, n=1)
    return f"; did you mean {spellings[close[0]]}?" if close else ""


def _nets() -> dict[str, Callable[..., nn.Module]]:
    """Return MONAI's nets, and the functions that make one, by name."""
    import monai.networks.nets

    return {
        name: value
        for name, value in vars(monai.networks.nets).items()
        if not name.startswith(("_", "get_")) and _makes_net(value)
    }


def _makes_net(value: Any) -> bool:
    kind = _kind(value)
    return inspect.isclass(kind) and issubclass(kind, nn.Module)


def _kind(make: Any) -> Any:
    """Return the class of what is made: by a class itself, by a function as it says."""
    if not inspect.isfunction(make):
        return make
    annotation = inspect.signature(make).return_annotation
    # annotations are text where their evaluation is postponed
    return make.__globals__.get(annotation) if isinstance(annotation, str) else annotation


def _parameters(make: Callable[..., nn.Module]) -> set[str]:
    """Return the names of a net's settings, those of the classes that `**kwargs` reach too."""
    names: set[str] = set()
    makers = [make] if inspect.isfunction(make) else []
    makers += [base.__init__ for base in _kind(make).__mro__]
    for signature in map(inspect.signature, makers):
        names.update(signature.parameters)
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return names - {"self", "args", "kwargs"}
