"""Window in which the volume is turned with the mouse."""

import os
import sys

import vtkmodules.vtkInteractionStyle
import vtkmodules.vtkRenderingUI  # noqa: F401  both register event handlers
from vtkmodules.vtkInteractionStyle import vtkInteractorStyleTrackballCamera
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderWindowInteractor

from lungcam.render.content import SceneContent
from lungcam.render.offscreen import RenderError, quiet_vtk
from lungcam.render.options import RenderOptions
from lungcam.render.scene import Scene

TITLE = "lungcam: drag turns, Shift+drag moves, the wheel zooms, R resets, Q closes"
NO_SCREEN = (
    "There is no screen for the window of render.interactive=true; all files are written. "
    "Over ssh, log in with -X, or look at turntable.gif (turntable=true)."
)
# windows that VTK falls back on without a screen
OFFSCREEN_CLASSES = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")


def show(content: SceneContent, options: RenderOptions) -> None:
    """Show a scene in a window until the user closes it.

    VTK's keys apply: R resets the camera, F flies to the point under the mouse, J and T switch
    between joystick and trackball, Q or E closes the window.

    Args:
        content: Contents of the scene.
        options: Render options.

    Raises:
        RenderError: If there is no screen.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise RenderError(NO_SCREEN)
    with quiet_vtk():
        window = vtkRenderWindow()
    if window.GetClassName() in OFFSCREEN_CLASSES:
        raise RenderError(NO_SCREEN)
    window.SetWindowName(TITLE)
    with Scene(content, options, window=window) as scene:
        interactor = vtkRenderWindowInteractor()
        interact(scene, interactor)
        with quiet_vtk():
            interactor.Initialize()
            window.Render()
        interactor.Start()


def interact(scene: Scene, interactor: vtkRenderWindowInteractor) -> None:
    """Let mouse and keys turn a scene, which is drawn coarsely while it moves.

    Args:
        scene: Open scene.
        interactor: Interactor to connect; the caller initialises and starts it.
    """
    scene.mapper.SetAutoAdjustSampleDistances(True)
    interactor.SetRenderWindow(scene.window)
    interactor.SetInteractorStyle(vtkInteractorStyleTrackballCamera())
