"""Small print on the picture: what it is for, which side is which, what the colours mean.

Rings around annotated nodules: drawn on top, and never over what they surround.

A bar that tells how long so many millimetres are in the picture.
"""

import math
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

from lungcam.render.transfer_functions import HEAT_FLOOR, Colors
from lungcam.render.volume_property import color_function, piecewise_function

GREY = (0.62, 0.65, 0.70)
WARNING = (1.0, 0.72, 0.2)


def caption(
    text: str, x: float, *, y: float, height: int, justification: str = "Centered"
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
    actor = caption(text, 0.5, y=0.985, height=height)
    actor.GetTextProperty().SetColor(*WARNING)
    return actor


def color_bar(
    title: str, colors: Colors, *, peak: float, left: float, right: float, height: int, width: int
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
    return bar, caption(title, (left + right) / 2, y=0.085, height=height)


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


COLOR = (0.35, 0.92, 1.0)
CORNERS = 96
LEAST_PIXELS = 7.0
"""Least radius of a ring: within a smaller one nothing could be seen."""


@dataclass(frozen=True)
class Outline:
    """A ball around something annotated.

    Attributes:
        center_mm: In millimetres from the centre of the scan's voxel (0, 0, 0), along its axes.
        radius_mm: Of the ball.
    """

    center_mm: tuple[float, float, float]
    radius_mm: float


class Rings:
    """The outlines as rings that face the camera, in one actor.

    Args:
        outlines: What is annotated.
        width: Of the line, in pixels.
    """

    def __init__(self, outlines: Sequence[Outline], width: float) -> None:
        self._outlines = outlines
        self._shape = vtkPolyData()
        loops = vtkCellArray()
        for ring in range(len(outlines)):
            loops.InsertNextCell(CORNERS + 1)
            for corner in range(CORNERS + 1):
                loops.InsertCellPoint(ring * CORNERS + corner % CORNERS)
        self._shape.SetPoints(vtkPoints())
        self._shape.SetLines(loops)
        place = vtkCoordinate()
        place.SetCoordinateSystemToWorld()
        mapper = vtkPolyDataMapper2D()
        mapper.SetInputData(self._shape)
        mapper.SetTransformCoordinate(place)
        self.actor = vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetColor(*COLOR)
        self.actor.GetProperty().SetLineWidth(width)

    def face(self, axes: np.ndarray, mm_per_pixel: float) -> None:
        """Turn the rings to the camera.

        Args:
            axes: Unit vectors, one a row: the picture's right, its top, to the camera.
            mm_per_pixel: Scale of the picture.
        """
        turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1) @ axes[:2]
        least = LEAST_PIXELS * mm_per_pixel
        corners = np.zeros((len(self._outlines), CORNERS, 3))
        for ring, one in zip(corners, self._outlines, strict=True):
            ring[:] = np.asarray(one.center_mm) + max(one.radius_mm, least) * circle
        self._shape.GetPoints().SetData(numpy_to_vtk(corners.reshape(-1, 3), deep=True))
        self._shape.GetPoints().Modified()


LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class ScaleBar:
    """A bar with its length beside it.

    Args:
        left: Where it begins, as a share of the picture's width.
        y: How high it lies, as a share of the picture's height from below.
        longest: Most that it may take of the width.
        letters: Height of the letters, in pixels.
    """

    def __init__(self, left: float, y: float, *, longest: float, letters: int) -> None:
        self._left, self._y, self._longest, self._letters = left, y, longest, letters
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
        bar.GetProperty().SetLineWidth(max(1.0, letters / 8))
        self._label = caption("", left, y=y, height=letters, justification="Left")
        self.actors = (bar, self._label)

    def measure(self, mm_per_pixel: float, size: tuple[int, int]) -> None:
        """Make it the longest round length that fits.

        Args:
            mm_per_pixel: Scale of the picture.
            size: (width, height) of the picture, in pixels.
        """
        width, height = size
        room = self._longest * width * mm_per_pixel
        length = max((mm for mm in LENGTHS_MM if mm <= room), default=LENGTHS_MM[0])
        left, y = self._left * width, self._y * height
        right, tick = left + length / mm_per_pixel, self._letters / 3
        ends = ((left, y), (right, y), *((x, y + t) for x in (left, right) for t in (-tick, tick)))
        for index, (x, above) in enumerate(ends):
            self._points.SetPoint(index, x, above, 0.0)
        self._points.Modified()
        self._label.SetInput(f"{length} mm")
        self._label.SetPosition((right + self._letters / 2) / width, self._y)
