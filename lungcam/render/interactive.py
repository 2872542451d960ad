"""A window in which the volume is turned with the mouse."""

import os
import sys

import vtkmodules.vtkInteractionStyle
import vtkmodules.vtkRenderingUI  # noqa: F401  both register what takes mouse and keys
from vtkmodules.vtkInteractionStyle import vtkInteractorStyleTrackballCamera
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderWindowInteractor

from lungcam.render.content import Content
from lungcam.render.offscreen import RenderError, quiet_vtk
from lungcam.render.options import RenderOptions
from lungcam.render.scene import Scene

TITLE = "lungcam: drag turns, Shift+drag moves, the wheel zooms, R resets, Q closes"
NO_SCREEN = (
    "There is no screen for the window of render.interactive=true; all else is written. "
    "Over ssh, log in with -X, or look at turntable.gif (turntable=true)."
)
# off a screen VTK falls back on these
UNSEEN = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")


def show(content: Content, look: RenderOptions) -> None:
    """Show a scene in a window, until the user closes it.

    VTK's keys hold: R resets the camera, F flies to what the mouse points at, J and T change
    between joystick and trackball, Q or E ends.

    Args:
        content: What it shows.
        look: How.

    Raises:
        RenderError: If there is no screen.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise RenderError(NO_SCREEN)
    with quiet_vtk():
        window = vtkRenderWindow()
    if window.GetClassName() in UNSEEN:
        raise RenderError(NO_SCREEN)
    window.SetWindowName(TITLE)
    with Scene(content, look, window=window) as scene:
        interactor = vtkRenderWindowInteractor()
        interact(scene, interactor)
        with quiet_vtk():
            interactor.Initialize()
            window.Render()
        interactor.Start()


def interact(scene: Scene, interactor: vtkRenderWindowInteractor) -> None:
    """Let mouse and keys turn a scene; it is drawn coarsely while it moves.

    Args:
        scene: An open one.
        interactor: What takes the events; it is to be initialised and started.
    """
    scene.mapper.SetAutoAdjustSampleDistances(True)
    interactor.SetRenderWindow(scene.window)
    interactor.SetInteractorStyle(vtkInteractorStyleTrackballCamera())
