"""OpenGL without a screen: a window that is never shown, and no messages on the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  registers the window classes
from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkRenderingCore import vtkRenderWindow


class RenderError(RuntimeError):
    """Error of rendering, for example on a machine without OpenGL; the message names the remedy."""


@contextmanager
def quiet_vtk() -> Iterator[None]:
    """Keep VTK's messages off the terminal and raise its errors as `RenderError`.

    VTK tries several kinds of windows in turn and prints a warning for each that fails, even if
    the next succeeds.

    Raises:
        RenderError: If VTK reported an error inside the block.
    """
    previous, verbosity = vtkOutputWindow.GetInstance(), vtkLogger.GetCurrentVerbosityCutoff()
    messages = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(messages)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(previous)
        vtkLogger.SetStderrVerbosity(verbosity)
    errors = [line for line in messages.GetOutput().split("\n\n") if line.startswith("ERROR")]
    if errors:
        raise RenderError(f"VTK could not draw the picture: {' '.join(errors[0].split())}")


def offscreen_window(size: tuple[int, int]) -> vtkRenderWindow:
    """Open a window that is never shown: on a display, through EGL, or through OSMesa.

    Without a display EGL is tried first, and VTK falls back on OSMesa.

    Args:
        size: (width, height) in pixels.

    Raises:
        RenderError: If no OpenGL is available.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    window = vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    # Without any OpenGL, VTK falls back on a window that crashes the process when it draws. Asking
    # it for its context is safe, so no probe in a separate process is needed.
    window.Initialize()
    if not window.IsCurrent():
        raise RenderError(
            "Pictures need OpenGL and none was found: install libegl1 or libosmesa6 "
            "(their names on Debian and Ubuntu)."
        )
    return window
