"""Choice of the volume mapper that is faster on this machine's OpenGL."""

import time
from functools import cache
from itertools import repeat

import numpy as np
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401  registers the graphics card's mapper
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkVolume
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
    vtkVolumeMapper,
)

from lungcam.heat_colors import FIRE
from lungcam.render.offscreen import RenderError, offscreen_window, quiet_vtk
from lungcam.render.transfer_functions import GRADIENT, heat_functions
from lungcam.render.volume_property import volume_property

MAPPER_CLASSES = {
    "software": vtkFixedPointVolumeRayCastMapper,
    "hardware": vtkGPUVolumeRayCastMapper,
}
# parts of the names of OpenGL's renderers that emulate a card
EMULATED = ("llvmpipe", "softpipe", "swrast", "SwiftShader", "Software Rasterizer", "Basic Render")
# large enough that ray casting dominates the time of a frame, small enough for software rendering
BALL_SIDE, WINDOW_SIDE = 32, 64
FRAMES = 3


def choose_mapper(mapper: str = "auto") -> vtkVolumeMapper:
    """Make a volume mapper; both kinds blend independent components alike.

    Args:
        mapper: 'software', 'hardware', or 'auto' for the faster of the two, see `faster_mapper`.

    Raises:
        RenderError: If no OpenGL is available.
    """
    return MAPPER_CLASSES[faster_mapper() if mapper == "auto" else mapper]()


@cache
def faster_mapper() -> str:
    """Name the faster mapper, once per process.

    With OpenGL in software, ray casting on the processor is ten to thirty times as fast as on the
    emulated graphics card; a real graphics card is faster than the processor by as much. The usual
    emulations are known by name. Elsewhere both mappers are timed on a small volume of lungs and
    heat: a name does not say if a card can draw volumes. The first frame compiles shaders and is
    not counted. The fastest of the following frames is, because other work on the machine can only
    slow a frame down.

    Returns:
        'software' or 'hardware'.

    Raises:
        RenderError: If no OpenGL is available.
    """
    if any(name in _opengl() for name in EMULATED):
        return "software"
    seconds = {name: _frame_seconds(name) for name in MAPPER_CLASSES}
    return min(seconds, key=seconds.get)


def _opengl() -> str:
    """Describe this machine's OpenGL."""
    with quiet_vtk():
        window = offscreen_window((WINDOW_SIDE, WINDOW_SIDE))
        description = window.ReportCapabilities()
        window.Finalize()
    return description


def _frame_seconds(mapper: str) -> float:
    """Measure the time of a frame; infinite if the mapper cannot draw with this OpenGL."""
    with quiet_vtk():
        window = offscreen_window((WINDOW_SIDE, WINDOW_SIDE))
    renderer, volume = vtkRenderer(), vtkVolume()
    caster = MAPPER_CLASSES[mapper]()
    caster.SetInputData(_ball())
    caster.SetAutoAdjustSampleDistances(False)
    caster.SetSampleDistance(1.0)
    volume.SetMapper(caster)
    volume.SetProperty(volume_property(GRADIENT, heat_functions(FIRE)))
    renderer.AddVolume(volume)
    renderer.ResetCamera()
    window.AddRenderer(renderer)
    seconds = []
    try:
        for _ in repeat(None, 1 + FRAMES):
            renderer.GetActiveCamera().Azimuth(10)
            start = time.perf_counter()
            with quiet_vtk():
                window.Render()
                window.WaitForCompletion()
            seconds.append(time.perf_counter() - start)
    except RenderError:
        return float("inf")
    finally:
        with quiet_vtk():
            window.Finalize()
    return min(seconds[1:])


def _ball() -> vtkImageData:
    """Make a ball that grows denser towards its centre, both as lungs and as heat."""
    side = BALL_SIDE
    distance = np.sqrt(((np.indices((side,) * 3) - (side - 1) / 2) ** 2).sum(axis=0))
    values = (255 * (1 - 2 * distance / side)).clip(0, 255).astype(np.uint8)
    image = vtkImageData()
    image.SetDimensions(side, side, side)
    voxels = np.stack([values, values], axis=-1).reshape(-1, 2)
    image.GetPointData().SetScalars(numpy_to_vtk(voxels, deep=True))
    return image
