"""From a scan and its heat-map to a picture, and from a picture to a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOImage import vtkPNGWriter

from lungcam.render.annotations import Outline
from lungcam.render.camera import View, named_view
from lungcam.render.content import prepare_content
from lungcam.render.options import RenderOptions
from lungcam.render.scene import Scene
from lungcam.runtime.atomic import atomic_write

AS_USUAL = RenderOptions()


def render_volume(
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    size: tuple[int, int] | None = None,
    view: str | View | None = None,
    heat_name: str = "Grad-CAM",
    mark: str | None = None,
    look: RenderOptions = AS_USUAL,
    outlines: Sequence[Outline] = (),
) -> np.ndarray:
    """Draw the lungs as translucent bodies with the heat-map glowing inside.

    What is below a fifth of the heat-map's peak stays clear; the numbers in files are left as they
    are.

    Args:
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        lungs: `(W, H, D)` bool, the lungs alone; outside it the scan is not drawn.
        heat: `(W, H, D)`, finite and at least 0, or None for the lungs alone.
        spacing_mm: Size of a voxel along each axis, in mm.
        size: (width, height) of the picture, in pixels; None for the look's.
        view: A name from `VIEWS`, such as 'anterior' (the patient's right is on the picture's
            left), or a `View` of two angles; None for the look's.
        heat_name: What the colour bar calls the heat-map; the bar's numbers are the map's own.
        mark: A warning that stands above, such as that the heat-map failed its checks.
        look: Transfer functions, colours, cut and mapper.
        outlines: Annotated nodules, ringed.

    Returns:
        `(H, W, 3)` uint8, red, green and blue; the first row is the top.

    Raises:
        RenderError: If no OpenGL can be had or VTK reports an error.
        ValueError: If the arrays do not fit together, the lung mask is empty, the heat-map is
            negative or not finite, or the look or the view does not exist.
    """
    view = named_view(look.view if view is None else view)
    content = prepare_content(hu, lungs, heat, spacing_mm, look, heat_name, mark, outlines)
    with Scene(content, look, size=size) as scene:
        return scene.picture(view)


def save_png(path: str | Path, rgb: np.ndarray) -> None:
    """Write a picture, whole or not at all.

    Args:
        path: The file; one that is there already is replaced.
        rgb: `(H, W, 3)` uint8; the first row is the top.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If `rgb` is not such a picture.
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
