"""Sources of lesion candidates in an image: the trained net and its baselines."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lungcam.detection.blobs import blob_scores
from lungcam.explain import Explainer, HeatMap, brightness, lung_centers, peaks
from lungcam.explain.sanity_checks import untrained_net
from lungcam.grid import Grid
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet

# the net first, then its baselines; `random` is computed and has no candidates
NET = "net"
BASELINES = ("random", "center", "brightest", "blob", "untrained")
# radii of the blob filter
BLOB_RADII_MM = 3 * 1.3 ** np.arange(8)


@dataclass(frozen=True, eq=False)
class SourceCandidates:
    """Candidates of one source in one image.

    Attributes:
        points: `(N, 3)` candidates in RAS mm.
        scores: `(N,)`, on one scale for all images.
        heat: Map with the candidates as its peaks, the highest first; None if there is none.
    """

    points: np.ndarray
    scores: np.ndarray
    heat: HeatMap | None = None


class CandidateSources:
    """The trained net and its baselines.

    Args:
        net: Trained net.
        explainer: Makes the maps; only evidence for the positive class counts.
        probability: Function from the trained net's logit to its calibrated probability.
        seed: Seed of the untrained net's weights.
    """

    def __init__(
        self,
        net: LogitNet,
        explainer: Explainer,
        *,
        probability: Callable[[float], float],
        seed: int = 0,
    ):
        self.net = net
        self.explainer = explainer
        self.probability = probability
        self.seed = seed
        self._untrained: LogitNet | None = None

    def candidates(
        self, image: torch.Tensor, grid: Grid, *, lungs: np.ndarray
    ) -> dict[str, SourceCandidates]:
        """Return the candidates of every source in one image.

        Args:
            image: `(1, C, W, H, D)`.
            grid: Grid of the image.
            lungs: `(W, H, D)` bool; all True in a crop.

        Returns:
            Candidates by the names in `NET` and `BASELINES`, without `random`.
        """
        shown = image[0, 0].cpu().numpy()
        bright, blobs = brightness(shown, grid), blobs_of(shown, grid, lungs=lungs)
        centers = lung_centers(lungs, grid)
        image = image.to(next(self.net.parameters()).device)
        if self._untrained is None:
            self._untrained = LogitNet(untrained_net(self.net.net, image, seed=self.seed)).eval()
        return {
            NET: self._explain(self.net, self.probability, image=image, grid=grid),
            "center": SourceCandidates(centers, np.ones(len(centers))),
            "brightest": SourceCandidates(*peaks(bright.values, bright.cells), bright),
            "blob": SourceCandidates(*peaks(blobs.values, blobs.cells), blobs),
            "untrained": self._explain(
                self._untrained, Calibration().probability, image=image, grid=grid
            ),
        }

    def _explain(
        self,
        net: LogitNet,
        probability: Callable[[float], float],
        *,
        image: torch.Tensor,
        grid: Grid,
    ) -> SourceCandidates:
        """Return the peaks of a net's map, each with its share of the net's probability."""
        with torch.no_grad():
            score = float(probability(float(net(image))))
        heat = self.explainer(net, image, grid)
        points, heights = peaks(heat.values, heat.cells)
        return SourceCandidates(points, score * heights / heights.max(initial=1e-300), heat)


def blobs_of(image: np.ndarray, grid: Grid, *, lungs: np.ndarray) -> HeatMap:
    """Return the scores of a blob filter with radii of 3 to 19 mm.

    Args:
        image: `(W, H, D)` input of the net, or other brightness.
        grid: Its grid, of cubic voxels.
        lungs: `(W, H, D)` bool, where a blob counts.
    """
    radii = BLOB_RADII_MM / min(grid.spacing_mm)
    return HeatMap(blob_scores(image, lungs, radii=[r for r in radii if r >= 1]), grid)
