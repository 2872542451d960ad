"""Heat-maps in the scanner's space."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lungcam.explain.cam import (
    GRADIENT_METHODS,
    OCCLUSION,
    check_evidence,
    check_method,
    choose_evidence,
    features,
)
from lungcam.explain.occlusion import occlusion
from lungcam.grid import Grid, resample


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Map of a layer in the scanner's space.

    Attributes:
        values: `(w, h, d)` float32, in units of the logit, on the layer's own cells: above 0 where
            a cell speaks for the positive class, below 0 where it speaks against it.
        cells: Grid of the cells.
    """

    values: np.ndarray
    cells: Grid

    def on(self, grid: Grid) -> np.ndarray:
        """Interpolate linearly to a grid with parallel axes; 0 beyond the cells' faces."""
        return resample(self.values, self.cells, target=grid)


def explain(
    net: nn.Module,
    image: torch.Tensor,
    *,
    grid: Grid,
    layer: str,
    method: str = "gradcam",
    evidence: str = "both",
    background: float = -1.0,
) -> HeatMap:
    """Compute the heat-map of one prepared image.

    Args:
        net: As for `grad_cam`.
        image: `(1, C, W, H, D)` on the net's device.
        grid: Grid of the image.
        layer: Name of the layer; `occlusion` needs none, and uses the whole net.
        method: One of `METHODS`; see `lungcam.explain.cam` and `occlusion`.
        evidence: `both`: signed; `for`: >= 0, the evidence for the positive class, as the methods
            were published; `against`: >= 0, the evidence against it.
        background: Value that `occlusion` covers blocks with.

    Raises:
        ValueError: There is no such layer, method or evidence, or the layer gives no 3D feature
            map, or the place of its cells is not known.
    """
    check_method(method)
    check_evidence(evidence)
    if method == OCCLUSION:
        values, cells = occlusion(net, image, grid=grid, background=background)
        sides = torch.from_numpy(values.clip(0)), torch.from_numpy((-values).clip(0))
        return HeatMap(choose_evidence(sides, evidence).numpy(), cells)
    layer_features = features(net, image, layer=layer, grid=grid)
    values = choose_evidence(GRADIENT_METHODS[method](layer_features), evidence)[0]
    return HeatMap(values.float().cpu().numpy(), layer_features.cells)


@dataclass(frozen=True, kw_only=True)
class Explainer:
    """Function that computes heat-maps with fixed settings; fields are those of `explain`."""

    layer: str
    method: str = "gradcam"
    evidence: str = "both"
    background: float = -1.0

    def __call__(self, net: nn.Module, image: torch.Tensor, grid: Grid) -> HeatMap:
        """Explain one prepared image."""
        return explain(
            net,
            image,
            grid=grid,
            layer=self.layer,
            method=self.method,
            evidence=self.evidence,
            background=self.background,
        )
