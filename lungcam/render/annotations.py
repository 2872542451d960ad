"""Annotations of a picture: captions, the colour bar, the scale bar and rings around nodules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor
from vtkmodules.vtkRenderingCore import (
    vtkActor2D,
    vtkCoordinate,
    vtkPolyDataMapper2D,
    vtkTextActor,
    vtkTextProperty,
)

from lungcam.heat_colors import HEAT_FLOOR, Colors
from lungcam.render.volume_property import color_function, piecewise_function

GREY = (0.62, 0.65, 0.70)
WARNING_COLOR = (1.0, 0.72, 0.2)
DOUBT_COLOR = (1.0, 0.42, 0.38)
TITLE_COLOR = (0.90, 0.92, 0.95)
RING_COLOR = (0.35, 0.92, 1.0)
RING_CORNERS = 96
MIN_RING_PIXELS = 7.0
"""Smallest radius of a ring: nothing could be seen inside a smaller one."""

TICKS = (0, 20, 40, 60, 80, 100)
"""Labels of the colour bar, in percent of the peak."""

SCALE_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def caption(
    text: str, x: float, *, y: float, height: int, justification: str = "Centered"
) -> vtkTextActor:
    """Make a line of text.

    Args:
        text: The text.
        x: Position from the left, as a share of the picture's width.
        y: Position of the line's middle from below, as a share of the picture's height.
        height: Height of the letters, in pixels.
        justification: 'Left', 'Centered' or 'Right', relative to x.
    """
    actor = vtkTextActor()
    actor.SetInput(text)
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(x, y)
    _style_text(actor.GetTextProperty(), height)
    getattr(actor.GetTextProperty(), f"SetJustificationTo{justification}")()
    return actor


def headlines(
    title: str, *, doubt: str | None, mark: str | None, height: int, size: tuple[int, int]
) -> list[vtkTextActor]:
    """Make the lines along the upper edge: the title, a warning in red, and one in amber.

    Args:
        title: Name of the scan and the net's answer; empty for none.
        doubt: Warning that the answer means nothing, or None.
        mark: Warning that the heat-map is not to be relied on, or None.
        height: Height of the letters, in pixels.
        size: (width, height) of the picture, in pixels; longer lines get smaller letters.
    """
    actors: list[vtkTextActor] = []
    for text, color in ((title, TITLE_COLOR), (doubt, DOUBT_COLOR), (mark, WARNING_COLOR)):
        if text:
            # a letter is about half as wide as high
            letters = max(6, min(height, int(1.9 * size[0] / len(text))))
            y = 0.985 - len(actors) * 1.5 * height / size[1]
            actors.append(caption(text, 0.5, y=y, height=letters))
            actors[-1].GetTextProperty().SetColor(*color)
    return actors


def color_bar(
    title: str, colors: Colors, *, left: float, right: float, height: int, width: int
) -> tuple[vtkScalarBarActor, vtkTextActor]:
    """Make the heat-map's colour bar in percent of its peak, with a title above.

    Args:
        title: Quantity and unit.
        colors: Colours from 0 to 255, where 255 is the peak.
        left: Left end of the bar, as a share of the picture's width.
        right: Right end of the bar, as a share of the picture's width.
        height: Height of the letters, in pixels.
        width: Width of the picture, in pixels.
    """
    scale = 100 / 255
    floor = 100 * HEAT_FLOOR
    bar = vtkScalarBarActor()
    bar.SetLookupTable(color_function(colors, scale))
    bar.SetOpacityFunction(piecewise_function(((0, 0), (floor, 0), (floor, 1), (100, 1))))
    bar.SetUseOpacity(True)
    bar.SetOrientationToHorizontal()
    bar.SetTextPositionToPrecedeScalarBar()
    labels = vtkDoubleArray()
    for value in TICKS if (right - left) * width / height > 2.6 * len(TICKS) else TICKS[::5]:
        labels.InsertNextValue(value)
    bar.SetCustomLabels(labels)
    bar.SetUseCustomLabels(True)
    bar.SetLabelFormat("{:.3g}")
    bar.SetUnconstrainedFontSize(True)
    bar.SetBarRatio(0.25)
    bar.SetPosition(left, 0.015)
    bar.SetPosition2(right - left, 0.05)
    _style_text(bar.GetLabelTextProperty(), height)
    return bar, caption(title, right, y=0.085, height=height, justification="Right")


def _style_text(text: vtkTextProperty, height: int) -> None:
    text.SetFontFamilyToArial()
    text.SetFontSize(height)
    text.SetColor(*GREY)
    text.SetVerticalJustificationToCentered()
    text.ShadowOff()
    text.ItalicOff()
    text.BoldOff()


class ScaleBar:
    """Scale bar with its length in mm next to it.

    Args:
        left: Left end of the bar, as a share of the picture's width.
        y: Height of the bar above the lower edge, as a share of the picture's height.
        max_width: Largest width of the bar, as a share of the picture's width.
        text_height: Height of the letters, in pixels.
    """

    def __init__(self, left: float, y: float, *, max_width: float, text_height: int) -> None:
        self._left, self._y = left, y
        self._max_width, self._text_height = max_width, text_height
        self._points = vtkPoints()
        self._points.SetNumberOfPoints(6)
        lines = vtkCellArray()
        for ends in ((0, 1), (2, 3), (4, 5)):
            lines.InsertNextCell(2, ends)
        shape = vtkPolyData()
        shape.SetPoints(self._points)
        shape.SetLines(lines)
        mapper = vtkPolyDataMapper2D()
        mapper.SetInputData(shape)
        bar = vtkActor2D()
        bar.SetMapper(mapper)
        bar.GetProperty().SetColor(*GREY)
        bar.GetProperty().SetLineWidth(max(1.0, text_height / 8))
        self._label = caption("", left, y=y, height=text_height, justification="Left")
        self.actors = (bar, self._label)

    def update(self, mm_per_pixel: float, size: tuple[int, int]) -> None:
        """Set the bar to the longest round length that fits.

        Args:
            mm_per_pixel: Scale of the picture.
            size: (width, height) of the picture, in pixels.
        """
        width, height = size
        max_mm = self._max_width * width * mm_per_pixel
        length = max((mm for mm in SCALE_LENGTHS_MM if mm <= max_mm), default=SCALE_LENGTHS_MM[0])
        left, y = self._left * width, self._y * height
        right, tick = left + length / mm_per_pixel, self._text_height / 3
        ends = ((left, y), (right, y), *((x, y + t) for x in (left, right) for t in (-tick, tick)))
        for index, (x, above) in enumerate(ends):
            self._points.SetPoint(index, x, above, 0.0)
        self._points.Modified()
        self._label.SetInput(f"{length} mm")
        self._label.SetPosition((right + self._text_height / 2) / width, self._y)


@dataclass(frozen=True)
class Outline:
    """Sphere around an annotated nodule.

    Attributes:
        center_mm: Centre in mm from the centre of the scan's voxel (0, 0, 0), along its axes.
        radius_mm: Radius of the sphere.
    """

    center_mm: tuple[float, float, float]
    radius_mm: float


class Rings:
    """Outlines as rings that face the camera, in one actor.

    Args:
        outlines: Annotated nodules.
        width: Width of the line, in pixels.
    """

    def __init__(self, outlines: Sequence[Outline], width: float) -> None:
        self._outlines = outlines
        self._shape = vtkPolyData()
        loops = vtkCellArray()
        for ring in range(len(outlines)):
            loops.InsertNextCell(RING_CORNERS + 1)
            for corner in range(RING_CORNERS + 1):
                loops.InsertCellPoint(ring * RING_CORNERS + corner % RING_CORNERS)
        self._shape.SetPoints(vtkPoints())
        self._shape.SetLines(loops)
        coordinate = vtkCoordinate()
        coordinate.SetCoordinateSystemToWorld()
        mapper = vtkPolyDataMapper2D()
        mapper.SetInputData(self._shape)
        mapper.SetTransformCoordinate(coordinate)
        self.actor = vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetColor(*RING_COLOR)
        self.actor.GetProperty().SetLineWidth(width)

    def update(self, axes: np.ndarray, mm_per_pixel: float) -> None:
        """Turn the rings towards the camera.

        Args:
            axes: `(3, 3)` unit vectors as rows: the picture's right, its top, towards the camera.
            mm_per_pixel: Scale of the picture.
        """
        angle = np.linspace(0, 2 * np.pi, RING_CORNERS, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ axes[:2]
        min_radius_mm = MIN_RING_PIXELS * mm_per_pixel
        corners = np.zeros((len(self._outlines), RING_CORNERS, 3))
        for ring, outline in zip(corners, self._outlines, strict=True):
            radius_mm = max(outline.radius_mm, min_radius_mm)
            ring[:] = np.asarray(outline.center_mm) + radius_mm * circle
        self._shape.GetPoints().SetData(numpy_to_vtk(corners.reshape(-1, 3), deep=True))
        self._shape.GetPoints().Modified()
