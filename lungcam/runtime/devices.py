"""Devices of this machine."""

import torch

from lungcam.errors import InputError


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
