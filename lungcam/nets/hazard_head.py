"""Any net of one logit, made to tell the risk of each year."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

# a step of the logit from year to year that a net begins with at least
LEAST_STEP = 0.05


class HazardHead(nn.Module):
    """The last layer of a net, from features to the cumulative risk of each year.

    The logit of the risk within year k is that of the first year plus what each year up to k adds,
    which is never negative: z_0 + sum_j softplus(z_j). After the additive hazards of Mikhael et
    al., J Clin Oncol 2023;41:2191-2200, with a rectifier that is smooth, so that a year that adds
    nothing yet can still learn.

    Args:
        features: Number of features.
        years: Number of years.

    Attributes:
        year: Which one is told, counted from 0; None for all. The last one by default.
    """

    def __init__(self, features: int, years: int):
        super().__init__()
        self.linear = nn.Linear(features, years)
        self.year: int | None = years - 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features `(B, F)` to logits `(B, 1)`, or `(B, years)` where all are told."""
        first, steps = self.linear(features).tensor_split([1], dim=1)
        told = torch.cat([first, softplus(steps)], dim=1).cumsum(dim=1)
        return told if self.year is None else told[:, self.year : self.year + 1]

    @torch.no_grad()
    def begin(self, y_seq: np.ndarray, y_mask: np.ndarray) -> None:
        """Begin with the shares of a training set, `(N, years)` each, where they are known."""
        known = (y_mask > 0) | (y_seq > 0)
        # one of either sort more, so that no share is 0 or 1
        share = ((y_seq * known).sum(0) + 1) / (known.sum(0) + 2)
        logits = np.log(share / (1 - share))
        steps = np.maximum(np.diff(logits), LEAST_STEP)
        bias = np.concatenate([logits[:1], np.log(np.expm1(steps))])
        self.linear.bias.copy_(torch.as_tensor(bias))


def add_hazards(net: nn.Module, years: int) -> nn.Module:
    """Put a `HazardHead` in the place of the linear layer that gives a net's logit.

    The net stays what it was in all else: it gives one logit, of the last year, its layers keep
    their names, and `every_year` and `one_year` choose what it tells.

    Args:
        net: Whose last linear layer of one output gives the logit.
        years: Number of years.

    Returns:
        The same net.

    Raises:
        ValueError: There is no such layer.
    """
    names = [
        name
        for name, one in net.named_modules()
        if isinstance(one, nn.Linear) and one.out_features == 1
    ]
    if not names:
        raise ValueError("model: its logit comes from no linear layer; choose another for risks.")
    parent, _, name = names[-1].rpartition(".")
    old = net.get_submodule(names[-1])
    head = HazardHead(old.in_features, years)
    with torch.no_grad():
        # the years begin alike but for the bias
        head.linear.weight.mul_(0.1)
        head.linear.weight[0] = old.weight[0]
        nn.init.zeros_(head.linear.bias)
    setattr(net.get_submodule(parent), name, head)
    return net


def hazard_head(net: nn.Module) -> HazardHead | None:
    """The head of a net that tells risks; None of one that does not."""
    return next((one for one in net.modules() if isinstance(one, HazardHead)), None)


@contextmanager
def every_year(net: nn.Module) -> Iterator[None]:
    """Let a net that tells risks give `(B, years)`."""
    with one_year(net, None):
        yield


@contextmanager
def one_year(net: nn.Module, year: int | None) -> Iterator[None]:
    """Let a net that tells risks give the logit of a year, counted from 0; None for all."""
    head = hazard_head(net)
    before, head.year = head.year, year
    try:
        yield
    finally:
        head.year = before
