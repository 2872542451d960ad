"""Pictures of a scan and its heat-map, and PNG files of pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOImage import vtkPNGWriter

from lungcam.render.annotations import Outline
from lungcam.render.camera import View, named_view
from lungcam.render.content import PictureInputs, prepare_content
from lungcam.render.options import RenderOptions
from lungcam.render.scene import Scene
from lungcam.runtime.atomic import atomic_write

DEFAULT_OPTIONS = RenderOptions()


def render_volume(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    size: tuple[int, int] | None = None,
    view: str | View | None = None,
    heat_name: str = "Grad-CAM",
    mark: str | None = None,
    options: RenderOptions = DEFAULT_OPTIONS,
    outlines: Sequence[Outline] = (),
) -> np.ndarray:
    """Draw the lungs as translucent bodies with the heat-map glowing inside.

    Heat below a fifth of the map's peak is not drawn; the numbers in files are not changed.

    Args:
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        lungs: `(W, H, D)` bool, the lungs alone; the scan is not drawn outside them.
        heat: `(W, H, D)`, finite and at least 0, or None for the lungs alone.
        spacing_mm: Size of a voxel along each axis, in mm.
        size: (width, height) of the picture in pixels; None for the options' size.
        view: Name from `VIEWS`, such as 'anterior' (the patient's right is on the picture's
            left), or a `View` of two angles; None for the options' view.
        heat_name: Title of the heat-map's colour bar; its numbers are the map's own.
        mark: Warning along the upper edge, such as that the heat-map failed its checks.
        options: Transfer functions, colours, clip and mapper.
        outlines: Annotated nodules, each drawn as a ring.

    Returns:
        `(H, W, 3)` uint8, red, green and blue; the first row is the top.

    Raises:
        RenderError: If no OpenGL is available or VTK reports an error.
        ValueError: If the arrays do not fit together, the lung mask is empty, the heat-map is
            negative or not finite, or the options or the view do not exist.
    """
    view = named_view(options.view if view is None else view)
    inputs = PictureInputs(
        hu=hu,
        lungs=lungs,
        heat=heat,
        spacing_mm=spacing_mm,
        heat_name=heat_name,
        mark=mark,
        outlines=outlines,
    )
    with Scene(prepare_content(inputs, options), options, size=size) as scene:
        return scene.render(view)


def save_png(path: str | Path, rgb: np.ndarray) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        path: The file; an existing one is replaced.
        rgb: `(H, W, 3)` uint8; the first row is the top.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If `rgb` has another shape or type.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"A picture is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}.")
    height, width, _ = rgb.shape
    image = vtkImageData()
    image.SetDimensions(width, height, 1)
    pixels = np.ascontiguousarray(rgb[::-1]).reshape(-1, 3)
    image.GetPointData().SetScalars(numpy_to_vtk(pixels, deep=True))
    writer = vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.Write()
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(memoryview(writer.GetResult()))
