"""3D view of a report: lungs and heat-map as a volume to turn in the browser."""

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from lungcam import RESEARCH_USE_ONLY
from lungcam.grid import Grid
from lungcam.heat_colors import HEAT_FLOOR, interpolate_table
from lungcam.render import VIEWS, SceneContent, TransferFunctions
from lungcam.report.page import Html, asset, fill, join, pack, script_json, tag

# name, label, highest value and initial value
SLIDERS = (
    ("lungs", "Lungs", 2, 1),
    ("heat", "Heat", 3, 1),
    ("front", "Cut from the front", 0.95, 0),
    ("left", "Cut from the left", 0.95, 0),
    ("above", "Cut from above", 0.95, 0),
)
BUTTON = '<button type="button" data-view="$view">$label</button>'
SLIDER = (
    '<label>$label<input type="range" data-share="$name" min="0" max="$high" step="0.01" '
    'value="$value"></label>'
)


def volume_section(content: SceneContent, view: str, *, grid: Grid | None = None) -> Html:
    """Make HTML that draws a volume in the browser by WebGL 2, without a network.

    Args:
        content: Volume and transfer functions, the same as for pictures.
        view: Name of the initial view.
        grid: Grid of the scan that the content was made from, for small pictures of places; None
            for a page without.

    Returns:
        Fragment for a page that has `inflate.js` in its head.
    """
    voxels = vtk_to_numpy(content.image.GetPointData().GetScalars())
    width, height, depth = content.image.GetDimensions()
    # without the topmost layer, which must not be drawn
    visible = voxels[: width * height * (depth - 1)]
    data = {
        "shape": [width, height, depth - 1],
        "spacing_mm": content.image.GetSpacing(),
        "origin_mm": content.image.GetOrigin(),
        "tables": _tables(content.lungs, content.heat),
        "lit": content.lungs.gradient is not None,
        "views": VIEWS,
        "view": view,
        "outlines": [
            {"center_mm": outline.center_mm, "radius_mm": outline.radius_mm}
            for outline in content.outlines
        ],
        "from_world": _from_world(grid),
        "voxels": pack(visible.ravel()),
    }
    return fill(
        "volume.html",
        style=asset("volume.css"),
        mark=tag(
            '<div class="volume-mark">$mark</div>',
            mark=". ".join(filter(None, (content.doubt, content.mark))),
        ),
        notice=RESEARCH_USE_ONLY,
        bar=_color_bar(content),
        buttons=join(
            tag(BUTTON, view=name, label=name.replace("_", "-").capitalize()) for name in VIEWS
        ),
        sliders=join(
            tag(SLIDER, name=name, label=label, high=high, value=value)
            for name, label, high, value in SLIDERS
        ),
        data=script_json(data),
        shader=asset("volume.glsl"),
        script=asset("volume.js"),
    )


def _from_world(grid: Grid | None) -> list[list[float]]:
    """Return `(3, 4)` from RAS mm to mm from the scan's first voxel along its axes."""
    matrix = np.eye(4)
    if grid is not None:
        matrix = np.diag([*grid.spacing_mm, 1.0]) @ np.linalg.inv(grid.affine)
    return matrix[:3].tolist()


def _tables(lungs: TransferFunctions, heat: TransferFunctions) -> list:
    """Return three rows of 256 (red, green, blue, opacity): lungs, heat, factor by gradient."""
    values = np.arange(256)
    rows = [
        np.column_stack(
            [
                interpolate_table(functions.color, values),
                interpolate_table(functions.opacity, values),
            ]
        )
        for functions in (lungs, heat)
    ]
    factor = np.ones((256, 4))
    if lungs.gradient is not None:
        factor[:, 3] = interpolate_table(lungs.gradient, values)
    return np.round([*rows, factor], 4).tolist()


def _color_bar(content: SceneContent) -> Html:
    """Make the bar of the heat's colours, in percent of the peak, with the peak in logit."""
    if content.peak <= 0:
        return Html()
    stops = interpolate_table(content.heat.color, np.linspace(255 * HEAT_FLOOR, 255, 9))
    colors = ", ".join(f"rgb({' '.join(str(round(255 * x)) for x in row)})" for row in stops)
    return tag(
        '<div class="volume-bar">$name, peak $peak logit'
        '<i style="background: linear-gradient(to right, $colors)"></i>'
        "<span><b>$low</b><b>$high</b></span></div>",
        name=content.heat_name,
        colors=colors,
        peak=f"{content.peak:.2g}",
        low=f"{HEAT_FLOOR:.0%}".replace("%", " %"),
        high="100 %",
    )
