"""The scene: one volume of lungs and heat, a camera, captions; pictures of it."""

from typing import Self

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow, vtkVolume

from lungcam import RESEARCH_USE_ONLY
from lungcam.render.annotations import Rings, ScaleBar, caption, color_bar, warning
from lungcam.render.camera import (
    OrientationCube,
    View,
    aim,
    axes_of,
    camera_axes,
    named_view,
    side_letters,
)
from lungcam.render.content import Content
from lungcam.render.mapper import choose_mapper
from lungcam.render.offscreen import offscreen_window, quiet_vtk
from lungcam.render.options import CLIPS, RenderOptions
from lungcam.render.volume import surface_points
from lungcam.render.volume_property import volume_property

BACKGROUND = (0.03, 0.035, 0.05)
FRAME = (0.06, 0.94, 0.12, 0.97)
"""The part of a picture that holds the volume; captions stand around it, never over it."""


class Scene:
    """A scene that can be pictured from any side. Use it in a `with` block.

    Args:
        content: What it shows.
        look: Whose clip, mapper and view it takes: the cut is toward the camera of that view.
        size: (width, height) in pixels; None for the look's.
        window: To draw in; None for one that is never shown.

    Raises:
        RenderError: If no OpenGL can be had.
    """

    def __init__(
        self,
        content: Content,
        look: RenderOptions,
        *,
        size: tuple[int, int] | None = None,
        window: vtkRenderWindow | None = None,
    ) -> None:
        size = size or (look.size, look.size)
        self._surface = surface_points(content.image)
        self.mapper = choose_mapper(look.mapper)
        self.mapper.SetInputData(content.image)
        self.mapper.SetAutoAdjustSampleDistances(False)
        # A step of one and a half voxels costs a quarter less time than one, and nothing is lost to
        # the eye; at two, grain appears.
        self.mapper.SetSampleDistance(1.5 * min(content.image.GetSpacing()))
        self.mapper.SetCroppingRegionPlanes(_shown_box(content, look))
        self.mapper.SetCropping(True)
        volume = vtkVolume()
        volume.SetMapper(self.mapper)
        volume.SetProperty(volume_property(content.lungs, content.heat))

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
            caption("", x, y=(FRAME[2] + FRAME[3]) / 2, height=letters * 3 // 2)
            for x in (FRAME[0] / 2, 1 - FRAME[0] / 2)
        ]
        self._cube = OrientationCube()
        self._scale = ScaleBar(0.02, 0.075, longest=0.25, letters=letters)
        self._rings = Rings(content.outlines, max(1.0, min(size) / 400))
        captions = [
            *self._sides,
            *self._scale.actors,
            self._rings.actor,
            caption(RESEARCH_USE_ONLY, 0.02, y=0.035, height=letters, justification="Left"),
        ]
        if content.peak > 0:
            title = f"{content.heat_name}, logit"
            captions += color_bar(
                title,
                content.heat.color,
                peak=content.peak,
                left=0.66,
                right=0.97,
                height=letters,
                width=size[0],
            )
        if content.mark is not None:
            captions.append(warning(content.mark, letters * 5 // 4))
        for actor in captions:
            self._renderer.AddViewProp(actor)
        self._renderer.AddObserver("StartEvent", self._follow)
        with quiet_vtk():
            self.window = offscreen_window(size) if window is None else window
            self.window.SetSize(*size)
            self.window.SetNumberOfLayers(2)
            self.window.AddRenderer(self._renderer)
            self.window.AddRenderer(self._cube.renderer)
        self.aim(look.view)

    def aim(self, view: str | View) -> None:
        """Put the camera where a view has it.

        Raises:
            ValueError: If there is no view of that name.
        """
        width, height = self.window.GetSize()
        camera = self._renderer.GetActiveCamera()
        aim(camera, named_view(view), points=self._surface, aspect=width / height, frame=FRAME)
        self._renderer.ResetCameraClippingRange()

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
        self.aim(view)
        width, height = self.window.GetSize()
        pixels = vtkUnsignedCharArray()
        with quiet_vtk():
            self.window.Render()
            self.window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
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
        return self.window.GetSize()[1] - row - 0.5, column - 0.5

    def _follow(self, *_: object) -> None:
        """Bring what hangs on the camera up to it."""
        camera, size = self._renderer.GetActiveCamera(), self.window.GetSize()
        axes, mm_per_pixel = camera_axes(camera), 2 * camera.GetParallelScale() / size[1]
        for side, letter in zip(self._sides, side_letters(axes[0]), strict=True):
            side.SetInput(letter)
        self._scale.measure(mm_per_pixel, size)
        self._rings.face(axes, mm_per_pixel)
        self._cube.turn(camera)

    def __enter__(self) -> Self:
        """Nothing to do: the scene is open from the start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the window and its memory back."""
        self._renderer.RemoveAllObservers()
        with quiet_vtk():
            self.window.Finalize()


def _shown_box(content: Content, look: RenderOptions) -> list[float]:
    """Bounds of what is drawn: all but the topmost layer, and but what a clip takes away."""
    bounds = list(content.image.GetBounds())
    bounds[5] -= content.image.GetSpacing()[2]
    if look.clip is not None and content.peak_mm is not None:
        axis = CLIPS[look.clip]
        toward = axes_of(named_view(look.view))[2][axis]
        # which of two bounds is nearer to the camera; of two as near, the higher one
        bounds[2 * axis + (toward > -1e-9)] = content.peak_mm[axis]
    return bounds
