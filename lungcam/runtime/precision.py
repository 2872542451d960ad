"""Floating-point precision that suits the device."""

import torch

AUTO = "auto"
FULL = "32-true"
MIXED = "bf16-mixed"
# of Nvidia's cards, the first compute capability with bfloat16
FIRST_CAPABILITY = (8, 0)


def choose_precision(precision: str, *, gpu: bool) -> str:
    """Return the precision to train in.

    Args:
        precision: Lightning's name of a precision, or `auto`: bfloat16 on a GPU that computes in
            it, otherwise float32.
        gpu: True to train on a GPU, False on the CPU.
    """
    if precision != AUTO:
        return precision
    return MIXED if gpu and _has_bfloat16() else FULL


def objection(precision: str, *, gpu: bool) -> str | None:
    """Say what speaks against a precision on this machine; None where nothing does.

    On processors oneDNN's gradients of 3D convolutions in native bfloat16 are wrong where maps are
    small (PyTorch 2.13, AVX512_BF16: a width of 2 voxels under a kernel of 3), and those without
    bfloat16 emulate it.

    Args:
        precision: Lightning's name of a precision.
        gpu: True for the GPU, False for the CPU.
    """
    if gpu:
        slow = precision.startswith("bf16") and not _has_bfloat16()
        return "this graphics card emulates it and is faster in 32-true" if slow else None
    # on the CPU Lightning replaces 16-mixed by bf16-mixed
    if precision.startswith("bf16") or precision == "16-mixed":
        return "on a processor it can be slow, and gradients of small maps wrong"
    return None


def _has_bfloat16() -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= FIRST_CAPABILITY
