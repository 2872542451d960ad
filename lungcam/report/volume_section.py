"""The part of a report in which lungs and heat-map are turned as a volume."""

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from lungcam import RESEARCH_USE_ONLY
from lungcam.render import VIEWS, SceneContent, TransferFunctions
from lungcam.render.transfer_functions import HEAT_FLOOR, interpolate_table
from lungcam.report.page import Html, asset, fill, join, pack, script_json, tag

# name, label, highest value and the one it begins with
SLIDERS = (
    ("lungs", "Lungs", 2, 1),
    ("heat", "Heat", 3, 1),
    ("front", "Cut from the front", 0.95, 0),
    ("left", "Cut from the left", 0.95, 0),
    ("above", "Cut from above", 0.95, 0),
)
BUTTON = '<button type="button" data-view="$view">$words</button>'
SLIDER = (
    '<label>$words<input type="range" data-share="$name" min="0" max="$high" step="0.01" '
    'value="$value"></label>'
)


def volume_section(content: SceneContent, view: str) -> Html:
    """Write HTML that draws a volume in the browser itself, by WebGL 2 and without any network.

    Args:
        content: What is drawn, by the tables that pictures are drawn by.
        view: The name of the view that is shown first.

    Returns:
        A fragment of a page that has `inflate.js` in its head.
    """
    voxels = vtk_to_numpy(content.image.GetPointData().GetScalars())
    width, height, depth = content.image.GetDimensions()
    # the topmost layer is not to be drawn
    drawn = voxels[: width * height * (depth - 1)]
    data = {
        "shape": [width, height, depth - 1],
        "spacing_mm": content.image.GetSpacing(),
        "origin_mm": content.image.GetOrigin(),
        "tables": _tables(content.lungs, content.heat),
        "lit": content.lungs.gradient is not None,
        "views": VIEWS,
        "view": view,
        "outlines": [
            {"center_mm": one.center_mm, "radius_mm": one.radius_mm} for one in content.outlines
        ],
        "voxels": pack(drawn.ravel()),
    }
    return fill(
        "volume.html",
        style=asset("volume.css"),
        mark=tag('<div class="volume-mark">$mark</div>', mark=content.mark or ""),
        notice=RESEARCH_USE_ONLY,
        bar=_bar(content),
        buttons=join(
            tag(BUTTON, view=one, words=one.replace("_", "-").capitalize()) for one in VIEWS
        ),
        sliders=join(
            tag(SLIDER, name=name, words=words, high=high, value=value)
            for name, words, high, value in SLIDERS
        ),
        data=script_json(data),
        shader=asset("volume.glsl"),
        script=asset("volume.js"),
    )


def _tables(lungs: TransferFunctions, heat: TransferFunctions) -> list:
    """Three rows of 256 colours with an opacity: lungs, heat, and the factor by slope."""
    steps = np.arange(256)
    rows = [
        np.column_stack(
            [interpolate_table(one.color, steps), interpolate_table(one.opacity, steps)]
        )
        for one in (lungs, heat)
    ]
    factor = np.ones((256, 4))
    if lungs.gradient is not None:
        factor[:, 3] = interpolate_table(lungs.gradient, steps)
    return np.round([*rows, factor], 4).tolist()


def _bar(content: SceneContent) -> Html:
    """The heat's colours and the logit at either end."""
    if content.peak <= 0:
        return Html()
    stops = interpolate_table(content.heat.color, np.linspace(255 * HEAT_FLOOR, 255, 9))
    colors = ", ".join(f"rgb({' '.join(str(round(255 * x)) for x in row)})" for row in stops)
    return tag(
        '<div class="volume-bar">$name, logit<i style="background: linear-gradient(to right, '
        '$colors)"></i><span><b>$low</b><b>$high</b></span></div>',
        name=content.heat_name,
        colors=colors,
        low=f"{HEAT_FLOOR * content.peak:.2g}",
        high=f"{content.peak:.2g}",
    )
