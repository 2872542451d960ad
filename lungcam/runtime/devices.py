"""Devices of this machine."""

import torch

from lungcam.errors import InputError

# names of torch's devices
DEVICES = {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}


def choose_accelerator(accelerator: str, gpus: int, *, prefix: str = "") -> str:
    """Return the kind of device to compute on: `cpu`, `gpu` or `mps`.

    Args:
        accelerator: One of `lungcam.config.options.ACCELERATORS`.
        gpus: Number of GPUs; `gpu` without one means one.
        prefix: Beginning of the settings' names, for the message.

    Raises:
        InputError: This machine has no such device, or the two contradict each other.
    """
    if gpus and accelerator in ("cpu", "mps"):
        raise InputError(
            f"{prefix}accelerator={accelerator}, {prefix}gpus={gpus}: leave one of the two out."
        )
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise InputError(
            f"{prefix}accelerator=mps: this machine has no GPU of Apple's; leave it out."
        )
    check_gpus(max(gpus, 1) if accelerator == "gpu" else gpus, f"{prefix}gpus")
    if accelerator == "auto":
        return "gpu" if gpus else "cpu"
    return accelerator


def check_gpus(gpus: int, key: str) -> None:
    """Refuse a number of GPUs below 0, or above that of this machine.

    Args:
        gpus: Number of GPUs; 0 means the CPU.
        key: Setting of the number, for the message.

    Raises:
        InputError: Names the setting and the remedy.
    """
    if gpus < 0:
        raise InputError(f"{key}={gpus}: give 0 for the CPU or the number of GPUs.")
    # without a GPU to use the driver is not asked for any
    available = torch.cuda.device_count() if gpus else 0
    if gpus > available:
        remedy = f"{key}=0" if available == 0 else f"{key}={available} or fewer"
        raise InputError(f"{key}={gpus}, but {available} GPU(s) found: use {remedy}.")
