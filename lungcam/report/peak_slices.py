"""Three slices of one scan through the peak of its heat-map, for notebooks."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.report.figure import GREY, annotate, new_figure
from lungcam.report.montage import draw_color_bar, draw_mark, draw_slice, extract_slice

PLANES = ("axial", "coronal", "sagittal")
# inches
SIDE, GAP, LEFT, BOTTOM, TOP, BAR = 2.6, 0.08, 0.2, 0.85, 0.8, 0.8


def draw_peak_slices(
    hu: np.ndarray,
    scan: Grid,
    *,
    heat: HeatMap,
    peak_mm: Sequence[float] | None,
    title: str,
    method: str,
    label_rule: str,
    mark: str | None = None,
) -> Figure:
    """Draw the axial, coronal and sagittal slice through the peak, with the heat above 0.

    Args:
        hu: `(W, H, D)` on `scan`.
        scan: Grid with axes along right, front and head (RAS+).
        heat: Heat-map of the scan.
        peak_mm: Highest peak of the map in RAS mm; None if it has none, to show the scan's middle.
        title: Title of the figure.
        method: Name of the heat-map's method.
        label_rule: Meaning of label 1.
        mark: Warning, such as that the heat-maps failed their checks.
    """
    width, height = LEFT + 3 * (SIDE + GAP) + BAR, BOTTOM + SIDE + TOP
    figure = new_figure(width, height)
    middle_mm = scan.to_world((np.array(scan.shape) - 1) / 2)
    point = np.asarray(middle_mm if peak_mm is None else peak_mm, float)
    place = ", ".join(f"{x:.0f}" for x in point)
    kind = "the middle; the map has no peak" if peak_mm is None else "its peak"
    subtitle = f"{method}; slices through {place} mm (RAS), {kind}"
    annotate(figure, title, subtitle=subtitle, label_rule=label_rule, left=LEFT / width)
    if mark is not None:
        draw_mark(figure, mark)
    slices = [
        extract_slice(hu, scan, heat=heat, box=scan, point_mm=point, plane=plane)
        for plane in PLANES
    ]
    highest = max(float(image.heat.max()) for image in slices)
    scale = Normalize(0, highest if highest > 0 else 1.0)
    for column, (plane, image) in enumerate(zip(PLANES, slices, strict=True)):
        left = LEFT + column * (SIDE + GAP)
        axes = figure.add_axes((left / width, BOTTOM / height, SIDE / width, SIDE / height))
        draw_slice(axes, image, scale=scale)
        axes.set_xlabel(plane, size=8.5, color=GREY, labelpad=3)
    left = LEFT + 3 * (SIDE + GAP) + 0.1
    draw_color_bar(figure, scale, left=left, bottom=BOTTOM, height=SIDE)
    return figure
