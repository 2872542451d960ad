"""Scene of one volume of lungs and heat, with a camera and captions."""

from typing import Self

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow, vtkVolume
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper, vtkVolumeMapper

from lungcam import RESEARCH_USE_ONLY
from lungcam.render.annotations import Rings, ScaleBar, caption, color_bar, headlines
from lungcam.render.camera import (
    OrientationCube,
    View,
    aim,
    camera_axes,
    named_view,
    side_letters,
    view_axes,
)
from lungcam.render.content import SceneContent
from lungcam.render.mapper import choose_mapper
from lungcam.render.offscreen import offscreen_window, quiet_vtk
from lungcam.render.options import CLIPS, RenderOptions
from lungcam.render.volume import surface_points
from lungcam.render.volume_property import volume_property

BACKGROUND = (0.03, 0.035, 0.05)
FRAME = (0.06, 0.94, 0.12, 0.97)
"""Part of a picture that holds the volume, as (left, right, bottom, top); captions go around it."""

RAY_VOXELS, MAX_RAY_PIXELS = 0.6, 2.0
"""Distance of rays cast by the processor, in voxels, and at most in pixels.

Colours between them are interpolated. That takes half the time of a ray for each pixel and looks
the same: 99 % of the pixels of a chest CT differ by at most 4 of 255.
"""


class Scene:
    """Scene that can be drawn from any side. Use it in a `with` block.

    Args:
        content: Volume, transfer functions and captions.
        options: Clip, mapper, size and view; the clip faces the camera of this view.
        size: (width, height) in pixels; None for the options' size.
        window: Window to draw in; None for one that is never shown.

    Raises:
        RenderError: If no OpenGL is available.
    """

    def __init__(
        self,
        content: SceneContent,
        options: RenderOptions,
        *,
        size: tuple[int, int] | None = None,
        window: vtkRenderWindow | None = None,
    ) -> None:
        size = size or (options.size, options.size)
        self._surface = surface_points(content.image)
        self._voxel_mm = min(content.image.GetSpacing())
        self.mapper = _prepare_mapper(content, options)
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*BACKGROUND)
        volume = vtkVolume()
        volume.SetMapper(self.mapper)
        volume.SetProperty(volume_property(content.lungs, content.heat))
        self._renderer.AddVolume(volume)
        # the heat glows by ambient light, which a headlight does not emit by default
        light = vtkLight()
        light.SetLightTypeToHeadlight()
        light.SetAmbientColor(1.0, 1.0, 1.0)
        self._renderer.AddLight(light)
        self._add_annotations(content, size)
        self._renderer.AddObserver("StartEvent", self._update_annotations)
        with quiet_vtk():
            self.window = offscreen_window(size) if window is None else window
            self.window.SetSize(*size)
            self.window.SetNumberOfLayers(2)
            self.window.AddRenderer(self._renderer)
            self.window.AddRenderer(self._cube.renderer)
        self.aim(options.view)

    def _add_annotations(self, content: SceneContent, size: tuple[int, int]) -> None:
        letters = max(8, min(size) // 56)
        self._sides = [
            caption("", x, y=(FRAME[2] + FRAME[3]) / 2, height=letters * 3 // 2)
            for x in (FRAME[0] / 2, 1 - FRAME[0] / 2)
        ]
        self._cube = OrientationCube()
        self._scale_bar = ScaleBar(0.02, 0.075, max_width=0.25, text_height=letters)
        self._rings = Rings(content.outlines, max(1.0, min(size) / 400))
        actors = [
            *self._sides,
            *self._scale_bar.actors,
            self._rings.actor,
            caption(RESEARCH_USE_ONLY, 0.02, y=0.035, height=letters, justification="Left"),
        ]
        if content.peak > 0:
            actors += color_bar(
                f"{content.heat_name}, % of its peak ({content.peak:.2g} logit)",
                content.heat.color,
                left=0.66,
                right=0.97,
                height=letters,
                width=size[0],
            )
        lines = headlines(
            content.title,
            doubt=content.doubt,
            mark=content.mark,
            height=letters * 5 // 4,
            size=size,
        )
        # a second line and a third take their height from the volume
        rest = max(0, len(lines) - 1) * 1.5 * (letters * 5 // 4) / size[1]
        self._frame = (*FRAME[:3], FRAME[3] - rest)
        actors += lines
        for actor in actors:
            self._renderer.AddViewProp(actor)

    def aim(self, view: str | View) -> None:
        """Move the camera to a view.

        Raises:
            ValueError: If there is no view of that name.
        """
        width, height = self.window.GetSize()
        camera = self._renderer.GetActiveCamera()
        aim(
            camera, named_view(view), points=self._surface, aspect=width / height, frame=self._frame
        )
        self._renderer.ResetCameraClippingRange()
        if isinstance(self.mapper, vtkFixedPointVolumeRayCastMapper):
            voxel_mm, pixel_mm = self._voxel_mm, 2 * camera.GetParallelScale() / height
            distance = min(max(RAY_VOXELS * voxel_mm / pixel_mm, 1.0), MAX_RAY_PIXELS)
            self.mapper.SetImageSampleDistance(distance)

    def render(self, view: str | View) -> np.ndarray:
        """Draw the scene from one side.

        Args:
            view: Name from `VIEWS`, or a `View`.

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

    def project(self, point_mm: tuple[float, float, float]) -> tuple[float, float]:
        """Project a point of the scene into the last picture.

        Args:
            point_mm: Position in mm from the centre of the scan's voxel (0, 0, 0).

        Returns:
            (row, column) in pixels from the centre of the upper left pixel.
        """
        self._renderer.SetWorldPoint(*point_mm, 1.0)
        self._renderer.WorldToDisplay()
        column, row, _ = self._renderer.GetDisplayPoint()
        return self.window.GetSize()[1] - row - 0.5, column - 0.5

    def _update_annotations(self, *_: object) -> None:
        """Adapt the annotations to the camera, before each frame."""
        camera, size = self._renderer.GetActiveCamera(), self.window.GetSize()
        axes, mm_per_pixel = camera_axes(camera), 2 * camera.GetParallelScale() / size[1]
        for side, letter in zip(self._sides, side_letters(axes[0]), strict=True):
            side.SetInput(letter)
        self._scale_bar.update(mm_per_pixel, size)
        self._rings.update(axes, mm_per_pixel)
        self._cube.update(camera)

    def __enter__(self) -> Self:
        """Return the scene, which is open from the start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the window and its memory."""
        self._renderer.RemoveAllObservers()
        with quiet_vtk():
            self.window.Finalize()


def _prepare_mapper(content: SceneContent, options: RenderOptions) -> vtkVolumeMapper:
    mapper = choose_mapper(options.mapper)
    mapper.SetInputData(content.image)
    mapper.SetAutoAdjustSampleDistances(False)
    # A step of 1.5 voxels takes a quarter less time than a step of 1 and looks the same; at 2,
    # grain appears.
    mapper.SetSampleDistance(1.5 * min(content.image.GetSpacing()))
    mapper.SetCroppingRegionPlanes(_visible_bounds(content, options))
    mapper.SetCropping(True)
    return mapper


def _visible_bounds(content: SceneContent, options: RenderOptions) -> list[float]:
    """Return the bounds without the topmost layer and without the part that the clip removes."""
    bounds = list(content.image.GetBounds())
    bounds[5] -= content.image.GetSpacing()[2]
    if options.clip is not None and content.peak_mm is not None:
        axis = CLIPS[options.clip]
        toward = view_axes(named_view(options.view))[2][axis]
        # move the bound nearer to the camera; at equal distance, the upper bound
        bounds[2 * axis + (toward > -1e-9)] = content.peak_mm[axis]
    return bounds
