"""The part of a report in which lungs and heat-map are turned as a volume."""

import base64
import gzip
import html
import json
from importlib.resources import files
from string import Template

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

from lungcam import RESEARCH_USE_ONLY
from lungcam.render.transfer_functions import HEAT_FLOOR, Curve, TransferFunctions

VIEWS = ("anterior", "left", "superior", "three-quarter", "posterior", "right")
SLIDERS = (
    ("lungs", "Lungs", 0, 2, 1),
    ("heat", "Heat", 0, 3, 1),
    ("front", "Cut from the front", 0, 0.95, 0),
    ("left", "Cut from the left", 0, 0.95, 0),
    ("above", "Cut from above", 0, 0.95, 0),
)


def volume_section(
    image: vtkImageData,
    lungs: TransferFunctions,
    heat: TransferFunctions,
    peak: float,
    heat_name: str,
    mark: str | None = None,
) -> str:
    """Write HTML that draws a volume in the browser itself, by WebGL 2 and without any network.

    Args:
        image: As `lungcam.render.lungs_and_heat` makes it.
        lungs: How its first component is drawn.
        heat: How its second one is.
        peak: The heat-map's maximum, in units of the logit; 0: there is no colour bar.
        heat_name: What the colour bar calls it.
        mark: A warning that stands above, or None.

    Returns:
        A fragment that needs nothing else of the page.
    """
    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    width, height, depth = image.GetDimensions()
    # the topmost layer is not to be drawn
    packed = gzip.compress(voxels[: width * height * (depth - 1)].tobytes(), mtime=0)
    data = {
        "shape": [width, height, depth - 1],
        "spacing_mm": image.GetSpacing(),
        "origin_mm": image.GetOrigin(),
        "tables": _tables(lungs, heat),
        "voxels": base64.b64encode(packed).decode(),
    }
    marked = "" if mark is None else f'<div class="mark">{html.escape(mark)}</div>'
    buttons = "".join(
        f'<button type="button" data-view="{one}">{one.capitalize()}</button>' for one in VIEWS
    )
    sliders = "".join(
        f'<label>{words}<input type="range" data-share="{name}" min="{low}" max="{high}" '
        f'step="0.01" value="{value}"></label>'
        for name, words, low, high, value in SLIDERS
    )
    return Template(_asset("volume.html")).substitute(
        style=_asset("volume.css"),
        mark=marked,
        notice=html.escape(RESEARCH_USE_ONLY),
        bar=_bar(heat, peak, heat_name),
        buttons=buttons,
        sliders=sliders,
        data=json.dumps(data),
        shader=_asset("volume.glsl"),
        script=_asset("volume.js"),
    )


def _asset(name: str) -> str:
    return files("lungcam.report").joinpath("assets", name).read_text(encoding="utf-8")


def _tables(lungs: TransferFunctions, heat: TransferFunctions) -> list:
    """Three rows of 256 colours with an opacity: lungs, heat, and the factor by slope."""
    steps = np.arange(256)
    rows = [
        np.column_stack([_colors(one, steps), _at(one.opacity, steps)]) for one in (lungs, heat)
    ]
    factor = np.ones((256, 4))
    if lungs.gradient is not None:
        factor[:, 3] = _at(lungs.gradient, steps)
    return np.round([*rows, factor], 4).tolist()


def _colors(functions: TransferFunctions, at: np.ndarray) -> np.ndarray:
    """`(n, 3)` red, green and blue."""
    value, *channels = np.transpose(functions.color)
    return np.column_stack([np.interp(at, value, one) for one in channels])


def _at(curve: Curve, at: np.ndarray) -> np.ndarray:
    return np.interp(at, *np.transpose(curve))


def _bar(heat: TransferFunctions, peak: float, name: str) -> str:
    """The heat's colours and the logit at either end."""
    if peak <= 0:
        return ""
    stops = np.linspace(255 * HEAT_FLOOR, 255, 9)
    colors = ", ".join(
        f"rgb({' '.join(str(round(255 * one)) for one in row)})" for row in _colors(heat, stops)
    )
    return (
        f'<div class="bar">{html.escape(name)}, logit<i style="background: '
        f'linear-gradient(to right, {colors})"></i>'
        f"<span><b>{HEAT_FLOOR * peak:.2g}</b><b>{peak:.2g}</b></span></div>\n"
    )
