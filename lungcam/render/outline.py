"""Rings around annotated nodules: drawn on top, and never over what they surround."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor2D, vtkCoordinate, vtkPolyDataMapper2D

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
