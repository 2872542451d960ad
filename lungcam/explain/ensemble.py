"""Heat-maps of several nets as one: their mean, and where they disagree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lungcam.explain.heatmap import Explainer, HeatMap
from lungcam.grid import Grid
from lungcam.nets import EnsembleNet, LogitNet
from lungcam.nets.ensemble_net import UNCHANGED, Mirror, mirrored


@dataclass(frozen=True, kw_only=True)
class EnsembleExplainer:
    """Explainer of an `EnsembleNet`, in place of the `Explainer` of a single net.

    Attributes:
        explainers: Explainer of each net; their methods and evidence are equal.
    """

    explainers: Sequence[Explainer]

    def __call__(self, net: LogitNet, image: torch.Tensor, grid: Grid) -> HeatMap:
        """Explain one prepared image.

        Args:
            net: Wrapper of an `EnsembleNet`.
            image: `(1, C, W, H, D)` on the nets' device.
            grid: Grid of the image.

        Returns:
            The mean of the nets' maps with the weights of their logits, so in units of the
            ensemble's logit.
        """
        return mean_map(self.each(net, image, grid), net.net.weights)

    def each(self, net: LogitNet, image: torch.Tensor, grid: Grid) -> list[HeatMap]:
        """Return the map of each net, in units of its own logit; arguments as for a call."""
        ensemble: EnsembleNet = net.net
        return [
            explain_mirrored(explainer, member, image, grid=grid, mirrors=ensemble.mirrors)
            for explainer, member in zip(self.explainers, ensemble.members, strict=True)
        ]

    def showing(self, evidence: str) -> "EnsembleExplainer":
        """Return the same explainer with other evidence."""
        explainers = [replace(explainer, evidence=evidence) for explainer in self.explainers]
        return EnsembleExplainer(explainers=explainers)

    @property
    def method(self) -> str:
        """Method of all nets."""
        return self.explainers[0].method

    @property
    def evidence(self) -> str:
        """Evidence that all maps show."""
        return self.explainers[0].evidence

    @property
    def layer(self) -> str:
        """Layer of the nets; several names where they differ."""
        first, *others = dict.fromkeys(explainer.layer for explainer in self.explainers)
        return ", ".join([first, *(layer.removeprefix("net.") for layer in others)])


def explain_mirrored(
    explainer: Explainer,
    net: LogitNet,
    image: torch.Tensor,
    *,
    grid: Grid,
    mirrors: Sequence[Mirror] = UNCHANGED,
) -> HeatMap:
    """Explain an image in several mirror images, and average the maps where they belong.

    Args:
        explainer: Makes the maps.
        net: As for `lungcam.explain.explain`.
        image: `(1, C, W, H, D)`.
        grid: Grid of the image.
        mirrors: Mirror images; the cells are those of the first.
    """
    return mean_map([explainer(net, mirrored(image, axes), grid.mirror(axes)) for axes in mirrors])


def mean_map(maps: Sequence[HeatMap], weights: Sequence[float] | None = None) -> HeatMap:
    """Average maps of one place, on the finest cells among them.

    Maps with the same cells, in whatever direction they are counted, are added cell by cell; others
    are interpolated linearly.

    Args:
        maps: The maps; a single one with weight 1 stays as it is, to the last bit.
        weights: Weight of each, with a sum of 1; None: all alike.
    """
    if weights is None:
        weights = [1 / len(maps)] * len(maps)
    if len(maps) == 1 and weights[0] == 1:
        return maps[0]
    cells = _finest_cells(maps)
    values = sum(weight * _on(heat, cells) for weight, heat in zip(weights, maps, strict=True))
    return HeatMap(values, cells)


def spread_map(maps: Sequence[HeatMap], weights: Sequence[float]) -> HeatMap | None:
    """Return the standard deviation over nets of their maps, in units of the ensemble's logit.

    Args:
        maps: Map of each net, in units of its own logit.
        weights: Weights of the nets in `mean_map`. Times their number they scale the maps, which
            have the mean map as their plain mean then.

    Returns:
        The deviation (ddof 1) in each cell of the mean map; None for a single net.
    """
    if len(maps) < 2:
        return None
    cells = _finest_cells(maps)
    scaled = [
        len(maps) * weight * _on(heat, cells) for weight, heat in zip(weights, maps, strict=True)
    ]
    return HeatMap(np.std(scaled, axis=0, ddof=1), cells)


def _finest_cells(maps: Sequence[HeatMap]) -> Grid:
    """Return the cells of the smallest volume, of the first map among equals."""
    volumes = [float(np.prod(heat.cells.spacing_mm)) for heat in maps]
    return next(
        heat.cells
        for heat, volume in zip(maps, volumes, strict=True)
        if volume <= min(volumes) * (1 + 1e-6)
    )


def _on(heat: HeatMap, cells: Grid) -> np.ndarray:
    """Return a map on other cells; without interpolation if they are its own."""
    against = [a for a in range(3) if heat.cells.affine[:3, a] @ cells.affine[:3, a] < 0]
    own = heat.cells.mirror(against)
    if own.shape == cells.shape and np.allclose(own.affine, cells.affine, atol=1e-6):
        return np.flip(heat.values, against)
    return heat.on(cells)
