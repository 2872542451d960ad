"""What points at places in an image: the trained net, and what it is held against."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lungcam.classifier import Classifier
from lungcam.explain import HeatMap, brightness, explain, lung_centers, peaks
from lungcam.grid import Grid
from lungcam.metrics import Calibration

# the net first, then its baselines; `random` is computed, and points nowhere
NET = "net"
BASELINES = ("random", "center", "brightest", "untrained")


@dataclass(frozen=True, eq=False)
class Pointed:
    """Where something points in one image.

    Attributes:
        points: `(N, 3)` candidates in RAS mm.
        scores: `(N,)`, on one scale for all images.
        heat: The map that they are the peaks of, the highest first; None where there is none.
    """

    points: np.ndarray
    scores: np.ndarray
    heat: HeatMap | None = None


@dataclass(frozen=True, eq=False)
class Pointers:
    """The trained net and its baselines.

    Attributes:
        net: The trained net.
        untrained: The same with fresh weights.
        layer: Layer that is explained, by its name in the classifier.
        probability: From the trained net's logit, calibrated where it can be.
    """

    net: Classifier
    untrained: Classifier
    layer: str
    probability: Callable[[float], float]

    def point(self, image: torch.Tensor, grid: Grid, lungs: np.ndarray) -> dict[str, Pointed]:
        """Let each point at places in one image.

        Args:
            image: `(1, C, W, H, D)`.
            grid: Where it stands.
            lungs: `(W, H, D)` bool, all of it in a crop.

        Returns:
            By the names in `NET` and `BASELINES`, without `random`.
        """
        bright = brightness(image[0, 0].cpu().numpy(), grid)
        centers = lung_centers(lungs, grid)
        return {
            NET: self._explained(self.net, self.probability, image, grid),
            "center": Pointed(centers, np.ones(len(centers))),
            "brightest": Pointed(*peaks(bright.values, bright.cells), bright),
            "untrained": self._explained(self.untrained, Calibration().probability, image, grid),
        }

    def _explained(
        self,
        net: Classifier,
        probability: Callable[[float], float],
        image: torch.Tensor,
        grid: Grid,
    ) -> Pointed:
        """The peaks of a net's map share out its probability by their height."""
        image = image.to(next(net.parameters()).device)
        with torch.no_grad():
            told = float(probability(float(net(image))))
        heat = explain(net, image, grid, self.layer)
        points, heights = peaks(heat.values, heat.cells)
        return Pointed(points, told * heights / heights.max(initial=1e-300), heat)
