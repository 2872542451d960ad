"""Head that turns any net of one logit into a net of yearly risks."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from lungcam.nets.head import logit_layer, replace_layer

# smallest step of the logit from year to year at initialisation
LEAST_STEP = 0.05


class HazardHead(nn.Module):
    """Last layer of a net, from features to the cumulative risk of each year.

    The logit of the risk within year k is that of the first year plus what each year up to k adds,
    which is never negative: z_0 + sum_j softplus(z_j). After the additive hazards of Mikhael et
    al., J Clin Oncol 2023;41:2191-2200, with a smooth rectifier, so that a year that adds nothing
    yet can still learn.

    Args:
        features: Number of features.
        years: Number of years.

    Attributes:
        year: Year of the output, counted from 0; None for all. The last one by default.
    """

    def __init__(self, features: int, years: int):
        super().__init__()
        self.linear = nn.Linear(features, years)
        self.year: int | None = years - 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features `(B, F)` to logits `(B, 1)`, or `(B, years)` if `year` is None."""
        first, steps = self.linear(features).tensor_split([1], dim=1)
        logits = torch.cat([first, softplus(steps)], dim=1).cumsum(dim=1)
        return logits if self.year is None else logits[:, self.year : self.year + 1]

    @torch.no_grad()
    def begin(self, y_seq: np.ndarray, y_mask: np.ndarray) -> None:
        """Initialise the biases with the shares of events of a training set.

        Args:
            y_seq: `(N, years)`, 1 from the year of the event on.
            y_mask: `(N, years)`, 1 in years with known follow-up.
        """
        known = (y_mask > 0) | (y_seq > 0)
        # one more of either outcome, so that no share is 0 or 1
        share = ((y_seq * known).sum(0) + 1) / (known.sum(0) + 2)
        logits = np.log(share / (1 - share))
        steps = np.maximum(np.diff(logits), LEAST_STEP)
        bias = np.concatenate([logits[:1], np.log(np.expm1(steps))])
        self.linear.bias.copy_(torch.as_tensor(bias))


def add_hazards(net: nn.Module, years: int) -> nn.Module:
    """Replace the linear layer that gives a net's logit by a `HazardHead`.

    The net still gives one logit, that of the last year, and its layers keep their names;
    `every_year` and `one_year` select other outputs.

    Args:
        net: Net with a linear layer of one output; the last of these gives the logit.
        years: Number of years.

    Returns:
        The same net.

    Raises:
        ValueError: There is no such layer.
    """
    name = logit_layer(net)
    old = net.get_submodule(name)
    head = HazardHead(old.in_features, years)
    with torch.no_grad():
        # the years begin alike except for the bias
        head.linear.weight.mul_(0.1)
        head.linear.weight[0] = old.weight[0]
        nn.init.zeros_(head.linear.bias)
    replace_layer(net, name, head)
    return net


def hazard_head(net: nn.Module) -> HazardHead | None:
    """Return a net's head of yearly risks; None if it has none."""
    return next((module for module in net.modules() if isinstance(module, HazardHead)), None)


@contextmanager
def every_year(net: nn.Module) -> Iterator[None]:
    """Let a net of yearly risks output the logits of all years, `(B, years)`."""
    with one_year(net, None):
        yield


@contextmanager
def one_year(net: nn.Module, year: int | None) -> Iterator[None]:
    """Let a net of yearly risks output the logit of a year, counted from 0; None for all."""
    head = hazard_head(net)
    before, head.year = head.year, year
    try:
        yield
    finally:
        head.year = before
