"""The volume mapper that suits the OpenGL at hand, by measurement."""

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

from lungcam.render.offscreen import RenderError, offscreen_window, quiet_vtk
from lungcam.render.transfer_functions import FIRE, GRADIENT, heat_functions
from lungcam.render.volume_property import volume_property

MAPPERS = {"software": vtkFixedPointVolumeRayCastMapper, "hardware": vtkGPUVolumeRayCastMapper}
# large enough that casting rays outweighs what each frame costs anyway, small enough for software
SIDE, PIXELS = 32, 64
FRAMES = 3


def choose_mapper(mapper: str = "auto") -> vtkVolumeMapper:
    """Make a volume mapper; all of them blend independent components alike.

    Args:
        mapper: 'software', 'hardware', or 'auto' for the faster of the two, see `faster_mapper`.

    Raises:
        RenderError: If no OpenGL can be had.
    """
    return MAPPERS[faster_mapper() if mapper == "auto" else mapper]()


@cache
def faster_mapper() -> str:
    """Time both mappers on a small volume of lungs and heat, once a process.

    Where OpenGL runs in software, casting rays on the processor beats an emulated graphics card
    some ten to thirty times; a graphics card beats the processor as clearly. A driver's name tells
    neither of those that are not on a list, nor that a card cannot draw volumes at all. The first
    frame of each, which compiles shaders, does not count; the fastest of the next does, for other
    work on the machine can only slow a frame down.

    Returns:
        'software' or 'hardware'.

    Raises:
        RenderError: If no OpenGL can be had.
    """
    seconds = {name: _seconds(name) for name in MAPPERS}
    return min(seconds, key=seconds.get)


def _seconds(mapper: str) -> float:
    """How long a frame takes; infinite where OpenGL is there but the mapper cannot draw."""
    with quiet_vtk():
        window = offscreen_window((PIXELS, PIXELS))
    renderer, volume = vtkRenderer(), vtkVolume()
    caster = MAPPERS[mapper]()
    caster.SetInputData(_ball())
    caster.SetAutoAdjustSampleDistances(False)
    caster.SetSampleDistance(1.0)
    volume.SetMapper(caster)
    volume.SetProperty(volume_property(GRADIENT, heat_functions(FIRE)))
    renderer.AddVolume(volume)
    renderer.ResetCamera()
    window.AddRenderer(renderer)
    taken = []
    try:
        for _ in repeat(None, 1 + FRAMES):
            renderer.GetActiveCamera().Azimuth(10)
            before = time.perf_counter()
            with quiet_vtk():
                window.Render()
                window.WaitForCompletion()
            taken.append(time.perf_counter() - before)
    except RenderError:
        return float("inf")
    finally:
        with quiet_vtk():
            window.Finalize()
    return min(taken[1:])


def _ball() -> vtkImageData:
    """A ball that grows denser toward its middle, as lungs and as heat."""
    away = np.sqrt(((np.indices((SIDE,) * 3) - (SIDE - 1) / 2) ** 2).sum(axis=0))
    values = (255 * (1 - 2 * away / SIDE)).clip(0, 255).astype(np.uint8)
    image = vtkImageData()
    image.SetDimensions(SIDE, SIDE, SIDE)
    voxels = np.stack([values, values], axis=-1).reshape(-1, 2)
    image.GetPointData().SetScalars(numpy_to_vtk(voxels, deep=True))
    return image
