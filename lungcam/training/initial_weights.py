"""A start of the training from weights that were trained before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lungcam.errors import InputError
from lungcam.training.checkpoint import METADATA_KEY, load_plain

# keys under which files hold their weights among other things
NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
# leading parts of names, by wrappers of a net and by its place in a larger one
WRAPPERS = ("module", "_orig_mod", "model", "net", "network", "backbone", "encoder")
# share of a net's weights that a file must give
LEAST_SHARE = 0.5
# name for `freeze` of all but the last layer
BODY = "body"
FIRST_LINE = "{loaded} of {all} tensors ({share:.0%} of the weights) are those of {file}"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Outcome of a start from a file.

    Attributes:
        loaded: Names of the net's tensors that were set.
        fresh: The others, each with the reason.
        unused: Names in the file without a place in the net.
        pixels: Hashes of the scans on which a checkpoint of lungcam was trained.
        lines: The same in lines for the console.
    """

    loaded: Sequence[str]
    fresh: Mapping[str, str]
    unused: Sequence[str]
    pixels: frozenset[str]
    lines: Sequence[str]


def start_from(net: nn.Module, file: Path, *, names: Mapping[str, str] | None = None) -> Start:
    """Set a net's weights to those of a file, as far as names and shapes agree.

    Leading parts of a name that wrappers add (`module.`, `backbone.`, ...) are taken off where that
    gives a name of the net. A convolution of one input channel takes the sum over the channels of
    the file's, as if each had seen the scan. Tensors of another shape, such as those of a head of
    another width, stay as they are.

    Args:
        net: Net, changed in place.
        file: Checkpoint of lungcam, or a state dict: .pt, .pth, .ckpt or .safetensors.
        names: Beginnings of names in the file, and what they are in the net.

    Raises:
        InputError: The file holds no weights, or less than half of the net's.
    """
    weights, pixels = read_weights(file)
    own = net.state_dict()
    given: dict[str, torch.Tensor] = {}
    unused = []
    for name, tensor in weights.items():
        target = _name_in(own, name, names or {})
        if target is None or target in given:
            unused.append(name)
        else:
            given[target] = tensor
    fresh = {name: "not in the file" for name in own if name not in given}
    for name, tensor in given.items():
        fitted = _fit(tensor, own[name])
        if fitted is None:
            fresh[name] = f"{tuple(own[name].shape)}, in the file {tuple(tensor.shape)}"
        else:
            own[name] = fitted
    loaded = [name for name in own if name not in fresh]
    share = _count(own[name] for name in loaded) / max(1, _count(own.values()))
    if share < LEAST_SHARE:
        raise InputError(
            f"{file}: it gives {share:.0%} of the model's weights, less than half; its names begin "
            f"with {next(iter(weights))}, those of the model with {next(iter(own))}: choose the "
            "model that it is of, or map the names with init_names."
        )
    net.load_state_dict(own)
    first = FIRST_LINE.format(loaded=len(loaded), all=len(own), share=share, file=file.name)
    return Start(
        loaded=loaded,
        fresh=fresh,
        unused=unused,
        pixels=pixels,
        lines=[first, *_listed("left as they were", fresh), *_listed("not used", unused)],
    )


def read_weights(file: Path) -> tuple[dict[str, torch.Tensor], frozenset[str]]:
    """Read the tensors of a file without executing any code in it.

    Args:
        file: Checkpoint or state dict.

    Returns:
        Tensors by name, and the scans' hashes of a checkpoint of lungcam.

    Raises:
        InputError: The file cannot be read, or holds no weights.
    """
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _load(file)
    weights = content
    while not _is_state_dict(weights):
        inner = [weights[key] for key in NESTED if isinstance(weights.get(key), Mapping)]
        if not inner:
            raise InputError(f"{file}: no weights by name are in it; give a state dict.")
        weights = inner[0]
    metadata = content.get(METADATA_KEY)
    pixels = metadata.get("pixels", ()) if isinstance(metadata, Mapping) else ()
    tensors = {name: value for name, value in weights.items() if isinstance(value, torch.Tensor)}
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise InputError(f"{file}: some of its weights are not finite; give another file.")
    return tensors, frozenset(map(str, pixels))


def freeze(net: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Exclude parameters from the training.

    Args:
        net: Net, changed in place.
        patterns: Names of parameters with `*` and `?`, such as `layer1.*`; `body` is all but the
            last layer.

    Returns:
        Names of the parameters that are frozen.

    Raises:
        InputError: A pattern fits no parameter, or all are frozen.
    """
    parameters = dict(net.named_parameters())
    frozen: set[str] = set()
    for pattern in patterns:
        fitting = (
            set(parameters) - set(_last_layer(net))
            if pattern == BODY
            else {name for name in parameters if fnmatchcase(name, pattern)}
        )
        if not fitting:
            raise InputError(
                f"freeze: no parameter is named {pattern}; the first ones are "
                f"{', '.join(list(parameters)[:4])}."
            )
        frozen |= fitting
    if len(frozen) == len(parameters):
        raise InputError("freeze: nothing is left to train; name less.")
    for name in frozen:
        parameters[name].requires_grad_(False)
    return sorted(frozen)


def frozen_modules(net: nn.Module) -> list[nn.Module]:
    """Return the modules with frozen parameters alone: their statistics must stand still."""
    return [
        module
        for module in net.modules()
        if list(module.parameters()) and not any(p.requires_grad for p in module.parameters())
    ]


def _load(file: Path) -> Mapping[str, Any]:
    try:
        content = load_plain(file)
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(
            f"{file}: not a file of plain tensors; save a state dict with torch.save."
        ) from error
    if not isinstance(content, Mapping):
        raise InputError(f"{file}: no weights by name are in it; give a state dict.")
    return content


def _read_safetensors(file: Path) -> Mapping[str, Any]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise InputError(
            f"{file}: it needs safetensors; run pip install 'lungcam[safetensors]'"
        ) from error
    try:
        return load_file(file)
    except Exception as error:
        raise InputError(f"{file}: not a whole file of safetensors; get it again.") from error


def _is_state_dict(weights: Mapping[str, Any]) -> bool:
    return any(isinstance(value, torch.Tensor) for value in weights.values())


def _name_in(own: Mapping[str, torch.Tensor], name: str, names: Mapping[str, str]) -> str | None:
    """Return the net's name for a tensor of the file; None if it has none."""
    for old, new in names.items():
        if name.startswith(old):
            name = new + name.removeprefix(old)
            break
    while name not in own:
        wrapper, _, rest = name.partition(".")
        if wrapper not in WRAPPERS or not rest:
            return None
        name = rest
    return name


def _fit(tensor: torch.Tensor, own: torch.Tensor) -> torch.Tensor | None:
    """Return a tensor of the file as one of the net; None if it cannot be."""
    if tensor.shape == own.shape:
        return tensor.to(own.dtype)
    one_channel = own.ndim == 5 and own.shape[1] == 1 and tensor.ndim == 5
    if one_channel and tensor.shape[:1] + tensor.shape[2:] == own.shape[:1] + own.shape[2:]:
        return tensor.sum(dim=1, keepdim=True).to(own.dtype)
    return None


def _last_layer(net: nn.Module) -> list[str]:
    """Return the names of the parameters of the last layer."""
    owners = [name.rpartition(".")[0] for name, _ in net.named_parameters()]
    return [name for name, _ in net.named_parameters() if name.rpartition(".")[0] == owners[-1]]


def _count(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors if tensor.is_floating_point())


def _listed(title: str, names: Mapping[str, str] | Sequence[str], most: int = 4) -> list[str]:
    """Name the first of several tensors in a line; no line without any."""
    if not names:
        return []
    reasons = names if isinstance(names, Mapping) else dict.fromkeys(names, "")
    shown = [f"{name} ({why})" if why else name for name, why in list(reasons.items())[:most]]
    rest = len(reasons) - len(shown)
    return [f"  {title}: {', '.join(shown)}{f' and {rest} more' if rest else ''}"]
