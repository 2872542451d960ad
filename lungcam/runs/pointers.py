"""What points at places in an image: the trained net, and what it is held against."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lungcam.classifier import Classifier
from lungcam.explain import Explainer, HeatMap, brightness, lung_centers, peaks
from lungcam.explain.randomisation import untrained
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


class Pointers:
    """The trained net and its baselines.

    Args:
        net: The trained net.
        explainer: Makes the maps; of signed ones what speaks for the positive class counts.
        probability: From the trained net's logit, calibrated where it can be.
        seed: Of the untrained net's weights.
    """

    def __init__(
        self,
        net: Classifier,
        explainer: Explainer,
        probability: Callable[[float], float],
        seed: int = 0,
    ):
        self.net = net
        self.explainer = explainer
        self.probability = probability
        self.seed = seed
        self._untrained: Classifier | None = None

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
        image = image.to(next(self.net.parameters()).device)
        if self._untrained is None:
            self._untrained = Classifier(untrained(self.net.net, image, self.seed)).eval()
        return {
            NET: self._explained(self.net, self.probability, image, grid),
            "center": Pointed(centers, np.ones(len(centers))),
            "brightest": Pointed(*peaks(bright.values, bright.cells), bright),
            "untrained": self._explained(self._untrained, Calibration().probability, image, grid),
        }

    def _explained(
        self,
        net: Classifier,
        probability: Callable[[float], float],
        image: torch.Tensor,
        grid: Grid,
    ) -> Pointed:
        """The peaks of a net's map share out its probability by their height."""
        with torch.no_grad():
            told = float(probability(float(net(image))))
        heat = self.explainer(net, image, grid)
        points, heights = peaks(heat.values, heat.cells)
        return Pointed(points, told * heights / heights.max(initial=1e-300), heat)
