"""A heat-map and where it stands."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lungcam.explain.geometry import cell_grid
from lungcam.explain.grad_cam import grad_cam
from lungcam.grid import Grid, resample


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A layer's map in the scanner's space.

    Attributes:
        values: `(w, h, d)` float32, >= 0, on the layer's own cells.
        cells: Where the cells stand.
    """

    values: np.ndarray
    cells: Grid

    def on(self, grid: Grid) -> np.ndarray:
        """Interpolate linearly to a grid with parallel axes; 0 beyond the cells' faces."""
        return resample(self.values, self.cells, grid)


def explain(net: nn.Module, image: torch.Tensor, grid: Grid, layer: str) -> HeatMap:
    """Make the Grad-CAM of one prepared image.

    Args:
        net: As for `grad_cam`.
        image: `(1, C, W, H, D)` on the net's device.
        grid: Where the image stands.
        layer: Name of the layer.
    """
    values = grad_cam(net, image, layer)[0]
    return HeatMap(values.float().cpu().numpy(), cell_grid(net, layer, image, grid))
