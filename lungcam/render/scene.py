"""The scene: one volume of lungs and heat, a camera, captions; pictures of it."""

from typing import Self

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkVolume

from lungcam import RESEARCH_USE_ONLY
from lungcam.render.camera import View, aim, named_view, side_letters
from lungcam.render.captions import caption, color_bar, warning
from lungcam.render.colormap import heat_functions
from lungcam.render.opengl import choose_mapper, offscreen_window, quiet_vtk
from lungcam.render.presets import GRADIENT
from lungcam.render.volume import surface_points
from lungcam.render.volume_property import volume_property

BACKGROUND = (0.03, 0.035, 0.05)
FRAME = (0.06, 0.94, 0.12, 0.97)
"""The part of a picture that holds the volume; captions stand around it, never over it."""


class Scene:
    """An off-screen scene that can be pictured from any side. Use it in a `with` block.

    Args:
        image: Lungs and heat, as `lungcam.render.volume.lungs_and_heat` makes them.
        size: (width, height) of the pictures, in pixels.
        heat_name: What the colour bar calls the heat-map, or None for no colour bar.
        mark: A warning that stands in every picture, or None.

    Raises:
        RenderError: If no OpenGL can be had.
    """

    def __init__(
        self,
        image: vtkImageData,
        size: tuple[int, int],
        heat_name: str | None,
        mark: str | None = None,
    ) -> None:
        self._size = size
        self._surface = surface_points(image)
        mapper = choose_mapper()
        mapper.SetInputData(image)
        mapper.SetAutoAdjustSampleDistances(False)
        # A step of one and a half voxels costs a quarter less time than one, and nothing is lost to
        # the eye; at two, grain appears.
        mapper.SetSampleDistance(1.5 * min(image.GetSpacing()))
        bounds = list(image.GetBounds())
        bounds[5] -= image.GetSpacing()[2]  # the layer that is not to be drawn
        mapper.SetCroppingRegionPlanes(bounds)
        mapper.SetCropping(True)
        volume = vtkVolume()
        volume.SetMapper(mapper)
        volume.SetProperty(volume_property(GRADIENT, heat_functions("fire")))

        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*BACKGROUND)
        self._renderer.AddVolume(volume)
        # Glow is ambient light, of which a camera's lamp has none unless told.
        lamp = vtkLight()
        lamp.SetLightTypeToHeadlight()
        lamp.SetAmbientColor(1.0, 1.0, 1.0)
        self._renderer.AddLight(lamp)
        letters = max(8, min(size) // 56)
        self._sides = [
            caption("", x, (FRAME[2] + FRAME[3]) / 2, letters * 3 // 2)
            for x in (FRAME[0] / 2, 1 - FRAME[0] / 2)
        ]
        captions = [*self._sides, caption(RESEARCH_USE_ONLY, 0.02, 0.035, letters, "Left")]
        if heat_name is not None:
            captions += color_bar(f"{heat_name}, share of its peak", 0.66, 0.97, letters)
        if mark is not None:
            captions.append(warning(mark, letters * 5 // 4))
        for actor in captions:
            self._renderer.AddViewProp(actor)
        with quiet_vtk():
            self._window = offscreen_window(size)
            self._window.AddRenderer(self._renderer)

    def picture(self, view: str | View) -> np.ndarray:
        """Draw the scene from one side.

        Args:
            view: A name from `VIEWS`, or a `View`.

        Returns:
            `(H, W, 3)` uint8, red, green and blue; the first row is the top.

        Raises:
            RenderError: If VTK reports an error.
            ValueError: If there is no view of that name.
        """
        view = named_view(view)
        width, height = self._size
        aim(self._renderer.GetActiveCamera(), view, self._surface, width / height, FRAME)
        self._renderer.ResetCameraClippingRange()
        for side, letter in zip(self._sides, side_letters(view), strict=True):
            side.SetInput(letter)
        pixels = vtkUnsignedCharArray()
        with quiet_vtk():
            self._window.Render()
            self._window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        return np.ascontiguousarray(vtk_to_numpy(pixels).reshape(height, width, 3)[::-1])

    def pixel_of(self, point_mm: tuple[float, float, float]) -> tuple[float, float]:
        """Project a point of the scene into the picture drawn last.

        Args:
            point_mm: In millimetres from the centre of the scan's voxel (0, 0, 0).

        Returns:
            (row, column) in pixels from the centre of the upper left one.
        """
        self._renderer.SetWorldPoint(*point_mm, 1.0)
        self._renderer.WorldToDisplay()
        column, row, _ = self._renderer.GetDisplayPoint()
        return self._size[1] - row - 0.5, column - 0.5

    def __enter__(self) -> Self:
        """Nothing to do: the scene is open from the start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the window and its memory back."""
        with quiet_vtk():
            self._window.Finalize()
