"""Nets from checkpoints: made within the size of the file, and given only weights that fit."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.overrides import TorchFunctionMode

from lungcam.errors import InputError

# elements that may be made for each byte of the file: a weight takes four, and is made several
# times by nets that set it again
ELEMENTS_PER_BYTE, FREE_ELEMENTS = 2, 60_000_000
# tensors and modules for each tensor of the file
CALLS_PER_TENSOR, FREE_CALLS = 100, 20_000
# functions of torch that make a tensor of a given shape, by the position of the shape
SHAPED = {
    **dict.fromkeys(("empty", "zeros", "ones", "full", "rand", "randn", "empty_strided"), 0),
    **dict.fromkeys(("new_empty", "new_zeros", "new_ones", "new_full", "repeat"), 1),
}
# functions that make a tensor as long as the largest of their numbers; `eye` squares it
COUNTED = ("arange", "linspace", "logspace", "eye", "randperm", "range")


@contextmanager
def bounded(file: Path, weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Refuse to make a net that is larger than its weights in the file.

    Args:
        file: File of the checkpoint.
        weights: Its state dict.

    Raises:
        InputError: The block makes tensors or modules that the file cannot hold.
    """
    allowance = _Allowance(file, len(weights))
    handle = register_module_module_registration_hook(allowance.count_module)
    try:
        with allowance:
            yield
    finally:
        handle.remove()


def load_weights(file: Path, net: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load weights into a net, if each has the shape and the kind of the net's own and is finite.

    Args:
        file: File of the checkpoint, for the message.
        net: Net, which is changed.
        weights: Its state dict.

    Raises:
        InputError: Names the file, and the tensor.
    """
    own = net.state_dict()
    if own.keys() != weights.keys() or any(
        tensor.layout != torch.strided
        or tensor.device.type == "meta"
        or tensor.shape != own[name].shape
        for name, tensor in weights.items()
    ):
        raise InputError(
            f"{file}: its weights do not fit its model; it was changed, or written by another "
            "version of lungcam: train again."
        )
    for name, tensor in weights.items():
        if tensor.is_floating_point() != own[name].is_floating_point() or tensor.is_complex():
            raise InputError(
                f"{file}: {name} is of type {str(tensor.dtype).removeprefix('torch.')}, not "
                f"{str(own[name].dtype).removeprefix('torch.')}; train again."
            )
        if not torch.isfinite(tensor).all():
            raise InputError(f"{file}: {name} is not finite (NaN or infinity); train again.")
    net.load_state_dict(weights)


class _Allowance(TorchFunctionMode):
    """Count of what is made, compared with the size of a file before it is made.

    Args:
        file: The file.
        tensors: Number of tensors in it.
    """

    def __init__(self, file: Path, tensors: int):
        super().__init__()
        self.file = file
        self.elements = ELEMENTS_PER_BYTE * file.stat().st_size + FREE_ELEMENTS
        self.calls = CALLS_PER_TENSOR * tensors + FREE_CALLS

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self._spend(_elements(getattr(func, "__name__", ""), args, kwargs))
        return func(*args, **kwargs)

    def count_module(self, module: nn.Module, name: str, submodule: nn.Module | None) -> None:
        self._spend(0)

    def _spend(self, elements: int) -> None:
        self.elements -= elements
        self.calls -= 1
        if self.elements < 0 or self.calls < 0:
            raise InputError(
                f"{self.file}: its weights do not fit its model, which is far larger; it was "
                "changed: train again."
            )


def _elements(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Return the number of elements that a function of torch is about to make."""
    if name in SHAPED:
        first = SHAPED[name]
        given = kwargs.get("size", args[first] if len(args) > first else ())
        # as a tuple, or one number after the other
        sizes = given if isinstance(given, list | tuple) else args[first:]
        numbers = [max(0, size) for size in sizes if isinstance(size, int)]
        return math.prod(numbers) * (args[0].numel() if name == "repeat" else 1)
    if name in COUNTED:
        numbers = [abs(value) for value in args if isinstance(value, int | float)]
        return int(max(numbers, default=0)) ** (2 if name == "eye" else 1)
    return 0
