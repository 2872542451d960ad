"""Small print on the picture: what it is for, which side is which, what the colours mean."""

import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor
from vtkmodules.vtkRenderingCore import vtkTextActor, vtkTextProperty

from lungcam.render.colormap import FIRE_COLORS, HEAT_FLOOR
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
    title: str, left: float, right: float, height: int
) -> tuple[vtkScalarBarActor, vtkTextActor]:
    """Draw the heat-map's colours from 0 to 1 along the lower edge, and a title above.

    Args:
        title: What the numbers are.
        left: Where the bar begins, as a share of the picture's width.
        right: Where it ends.
        height: Of the letters, in pixels.
    """
    bar = vtkScalarBarActor()
    bar.SetLookupTable(color_function(FIRE_COLORS, scale=1 / 255))
    bar.SetOpacityFunction(piecewise_function(((0, 0), (HEAT_FLOOR, 0), (HEAT_FLOOR, 1), (1, 1))))
    bar.SetUseOpacity(True)
    bar.SetOrientationToHorizontal()
    bar.SetTextPositionToPrecedeScalarBar()
    bar.SetNumberOfLabels(6)
    bar.SetLabelFormat("{:.1f}")
    bar.SetUnconstrainedFontSize(True)
    bar.SetBarRatio(0.25)
    bar.SetPosition(left, 0.015)
    bar.SetPosition2(right - left, 0.05)
    _print_small(bar.GetLabelTextProperty(), height)
    return bar, caption(title, (left + right) / 2, 0.085, height)


def _print_small(text: vtkTextProperty, height: int) -> None:
    text.SetFontFamilyToArial()
    text.SetFontSize(height)
    text.SetColor(*GREY)
    text.SetVerticalJustificationToCentered()
    text.ShadowOff()
    text.ItalicOff()
    text.BoldOff()
