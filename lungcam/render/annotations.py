"""Small print on the picture: what it is for, which side is which, what the colours mean."""

import math

import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.vtkCommonCore import vtkDoubleArray
from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor
from vtkmodules.vtkRenderingCore import vtkTextActor, vtkTextProperty

from lungcam.render.colormap import HEAT_FLOOR
from lungcam.render.transfer_functions import Colors
from lungcam.render.volume_property import color_function, piecewise_function

GREY = (0.62, 0.65, 0.70)
WARNING = (1.0, 0.72, 0.2)


def caption(
    text: str, x: float, y: float, height: int, justification: str = "Centered"
) -> vtkTextActor:
    """Write a line of text.

    Args:
        text: What it says.
        x: Where it stands, as a share of the picture's width from the left.
        y: Middle of the line, as a share of the picture's height from below.
        height: Of the letters, in pixels.
        justification: 'Left', 'Centered' or 'Right' of x.
    """
    actor = vtkTextActor()
    actor.SetInput(text)
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(x, y)
    _print_small(actor.GetTextProperty(), height)
    getattr(actor.GetTextProperty(), f"SetJustificationTo{justification}")()
    return actor


def warning(text: str, height: int) -> vtkTextActor:
    """Write a line along the upper edge that must not be overlooked; height in pixels."""
    actor = caption(text, 0.5, 0.985, height)
    actor.GetTextProperty().SetColor(*WARNING)
    return actor


def color_bar(
    title: str, colors: Colors, peak: float, left: float, right: float, height: int, width: int
) -> tuple[vtkScalarBarActor, vtkTextActor]:
    """Draw the heat-map's colours from 0 to its peak along the lower edge, and a title above.

    Args:
        title: What the numbers are.
        colors: From 0 to 255, which is the peak.
        peak: Of the heat-map, in its own unit.
        left: Where the bar begins, as a share of the picture's width.
        right: Where it ends.
        height: Of the letters, in pixels.
        width: Of the picture, in pixels.
    """
    scale = peak / 255
    floor = HEAT_FLOOR * peak
    bar = vtkScalarBarActor()
    bar.SetLookupTable(color_function(colors, scale))
    bar.SetOpacityFunction(piecewise_function(((0, 0), (floor, 0), (floor, 1), (peak, 1))))
    bar.SetUseOpacity(True)
    bar.SetOrientationToHorizontal()
    bar.SetTextPositionToPrecedeScalarBar()
    labels = vtkDoubleArray()
    for value in round_steps(peak, int((right - left) * width / height / 3.2)):
        labels.InsertNextValue(value)
    bar.SetCustomLabels(labels)
    bar.SetUseCustomLabels(True)
    bar.SetLabelFormat("{:.3g}")
    bar.SetUnconstrainedFontSize(True)
    bar.SetBarRatio(0.25)
    bar.SetPosition(left, 0.015)
    bar.SetPosition2(right - left, 0.05)
    _print_small(bar.GetLabelTextProperty(), height)
    return bar, caption(title, (left + right) / 2, 0.085, height)


def round_steps(peak: float, most: int) -> list[float]:
    """Round numbers from 0 up to a peak, at most so many of them, but always 0 and one more."""
    power = 10.0 ** math.floor(math.log10(peak))
    for step in (power * share for share in (0.2, 0.5, 1, 2, 5)):
        count = int(peak / step * (1 + 1e-9))
        if count < most:
            break
    return [0.0, count * step] if count >= most else [i * step for i in range(count + 1)]


def _print_small(text: vtkTextProperty, height: int) -> None:
    text.SetFontFamilyToArial()
    text.SetFontSize(height)
    text.SetColor(*GREY)
    text.SetVerticalJustificationToCentered()
    text.ShadowOff()
    text.ItalicOff()
    text.BoldOff()
