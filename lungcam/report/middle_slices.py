"""Three slices through the middle of a scan, for notebooks."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from lungcam.report.figure import GREY, new_figure

PLANES = ("sagittal", "coronal", "axial")
SIDE, GAP, BOTTOM = 2.6, 0.08, 0.3
# HU from black to white
WINDOW = (-1350, 150)


def draw_middle_slices(hu: np.ndarray, spacing_mm: Sequence[float]) -> Figure:
    """Draw the axial, coronal and sagittal slice in the middle, in the window of the lungs.

    The right of the patient is on the left, the front of a sagittal slice too.

    Args:
        hu: `(W, H, D)` with axes towards right, front and head.
        spacing_mm: Voxel size in mm.
    """
    width, height = 3 * SIDE + 2 * GAP, SIDE + BOTTOM
    figure = new_figure(width, height)
    for column, axis in enumerate((2, 1, 0)):
        left = column * (SIDE + GAP)
        axes = figure.add_axes((left / width, BOTTOM / height, SIDE / width, SIDE / height))
        across, up = (spacing_mm[i] for i in range(3) if i != axis)
        plane = hu.take(hu.shape[axis] // 2, axis)
        axes.imshow(
            plane.T[::-1, ::-1], cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1], aspect=up / across
        )
        axes.set(facecolor="black", xticks=[], yticks=[])
        axes.set_xlabel(PLANES[axis], size=8.5, color=GREY, labelpad=3)
    return figure
