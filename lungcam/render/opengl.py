"""OpenGL without a screen: an off-screen window, silence on the terminal, the mapper that suits."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401  both register the drivers they hold
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkRenderingCore import vtkRenderWindow
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
    vtkVolumeMapper,
)

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "swr", "software rasterizer")


class RenderError(RuntimeError):
    """No picture can be drawn on this machine; the message names the remedy."""


@contextmanager
def quiet_vtk() -> Iterator[None]:
    """Keep VTK's messages off the terminal, and turn its errors into a `RenderError`.

    VTK tries one kind of window after another and prints a warning for each that fails, though
    the next one works.

    Raises:
        RenderError: If VTK reported an error inside the block.
    """
    window, verbosity = vtkOutputWindow.GetInstance(), vtkLogger.GetCurrentVerbosityCutoff()
    messages = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(messages)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(window)
        vtkLogger.SetStderrVerbosity(verbosity)
    errors = [line for line in messages.GetOutput().split("\n\n") if line.startswith("ERROR")]
    if errors:
        raise RenderError(f"VTK could not draw the picture: {' '.join(errors[0].split())}")


def offscreen_window(size: tuple[int, int]) -> vtkRenderWindow:
    """Open a window that is never shown.

    Args:
        size: (width, height) in pixels.

    Raises:
        RenderError: If no OpenGL can be had.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    window = vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    # Without any OpenGL, VTK falls back on a window that crashes the process when it draws; it can
    # be asked safely whether it has a context, so no probe in a process of its own is needed.
    window.Initialize()
    if not window.IsCurrent():
        raise RenderError(
            "Pictures need OpenGL and none was found: install libegl1 or libosmesa6 "
            "(their names on Debian and Ubuntu)."
        )
    return window


@cache
def opengl_renderer() -> str:
    """Name the OpenGL renderer of this machine, such as 'llvmpipe (LLVM 15.0.6, 256 bits)'.

    Raises:
        RenderError: If no OpenGL can be had.
    """
    with quiet_vtk():
        window = offscreen_window((8, 8))
        lines = window.ReportCapabilities().splitlines()
        window.Finalize()
    label = "OpenGL renderer string:"
    return next((line.removeprefix(label).strip() for line in lines if line.startswith(label)), "")


def choose_mapper() -> vtkVolumeMapper:
    """Make the faster volume mapper of the two for this machine.

    Where OpenGL runs in software, casting rays on the processor beats an emulated graphics card
    some thirty times; both mappers blend independent components alike.

    Raises:
        RenderError: If no OpenGL can be had.
    """
    name = opengl_renderer().lower()
    if any(software in name for software in SOFTWARE_RENDERERS):
        return vtkFixedPointVolumeRayCastMapper()
    return vtkGPUVolumeRayCastMapper()
