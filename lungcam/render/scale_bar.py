"""A bar that tells how long so many millimetres are in the picture."""

from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor2D, vtkPolyDataMapper2D

from lungcam.render.captions import GREY, caption

LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class ScaleBar:
    """A bar with its length beside it.

    Args:
        left: Where it begins, as a share of the picture's width.
        y: How high it lies, as a share of the picture's height from below.
        longest: Most that it may take of the width.
        letters: Height of the letters, in pixels.
    """

    def __init__(self, left: float, y: float, longest: float, letters: int) -> None:
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
        self._label = caption("", left, y, letters, "Left")
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
