"""Schedules of the learning rate."""

import math
from functools import wraps
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR


class OneCycle(OneCycleLR):
    """torch's OneCycleLR, for trainings of any length.

    torch divides by zero where the rise ends at the first step, which is so if
    `pct_start * total_steps` is 1. Here such a training begins at the highest rate. And groups of
    parameters keep the ratio of their rates.

    Args:
        optimizer: Optimizer of the training.
        max_lr: Highest learning rate.
        total_steps: Number of optimizer steps in the whole training.
        pct_start: Share of the steps in which the rate rises.
        **settings: Other settings of OneCycleLR.
    """

    @wraps(OneCycleLR.__init__)
    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int,
        *,
        pct_start: float = 0.3,
        **settings: Any,
    ):
        if not isinstance(max_lr, list):
            shares = [group["lr"] / optimizer.defaults["lr"] for group in optimizer.param_groups]
            max_lr = [max_lr * share for share in shares]
        if pct_start * total_steps == 1:
            pct_start = math.nextafter(pct_start, 0)
        super().__init__(optimizer, max_lr, total_steps, pct_start=pct_start, **settings)
