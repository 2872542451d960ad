import sys

import numpy as np
import pytest
from vtkmodules.vtkRenderingUI import vtkGenericRenderWindowInteractor

from lungcam.render import RenderError, RenderOptions, Scene, prepare_content, show
from lungcam.render.interactive import interact

OPTIONS = RenderOptions(size=200)


@pytest.fixture
def content(opengl, make_inputs):
    return prepare_content(make_inputs((47, 20, 16)), OPTIONS)


@pytest.fixture
def interactive(content):
    """(scene, interactor): offscreen scene that receives events."""
    with Scene(content, OPTIONS) as scene:
        interactor = vtkGenericRenderWindowInteractor()
        interact(scene, interactor)
        interactor.Initialize()
        scene.window.Render()
        yield scene, interactor


def drag(interactor, start, end):
    interactor.SetEventInformation(*start)
    interactor.InvokeEvent("LeftButtonPressEvent")
    interactor.SetEventInformation(*end)
    interactor.InvokeEvent("MouseMoveEvent")
    interactor.InvokeEvent("LeftButtonReleaseEvent")


def press(interactor, key):
    interactor.SetKeyCode(key)
    interactor.InvokeEvent("CharEvent")


def test_dragging_turns_the_camera_the_letters_and_the_cube(interactive):
    scene, interactor = interactive
    before = "".join(side.GetInput() for side in scene._sides)
    drag(interactor, (20, 100), (110, 100))  # 90 degrees of a window of 200
    after = "".join(side.GetInput() for side in scene._sides)
    assert before == "RL"
    assert after in ("AP", "PA")
    camera = scene._renderer.GetActiveCamera()
    cube = scene._cube.renderer.GetActiveCamera()
    assert cube.GetDirectionOfProjection() == pytest.approx(camera.GetDirectionOfProjection())


def test_keys_of_vtk_reset_and_quit(interactive):
    scene, interactor = interactive
    exits = []
    interactor.AddObserver("ExitEvent", lambda *_: exits.append(True))
    scene._renderer.GetActiveCamera().Zoom(9)
    press(interactor, "r")
    assert scene._renderer.GetActiveCamera().GetParallelScale() > 60
    assert not exits
    press(interactor, "q")
    assert exits


def test_scale_bar_follows_the_zoom(interactive):
    scene, interactor = interactive
    label = scene._scale_bar.actors[1]
    before = float(label.GetInput().split()[0])
    scene._renderer.GetActiveCamera().Zoom(10)
    interactor.Render()
    assert float(label.GetInput().split()[0]) == pytest.approx(before / 10, rel=0.6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
@pytest.mark.parametrize("display", [None, ":987"])
def test_without_a_screen_the_error_is_a_single_line(content, monkeypatch, capfd, display):
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    with pytest.raises(RenderError, match="no screen") as error:
        show(content, OPTIONS)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_picture_after_turning_is_unchanged(interactive):
    scene, interactor = interactive
    scene.mapper.SetAutoAdjustSampleDistances(False)
    before = scene.render("left")
    drag(interactor, (100, 100), (130, 80))
    assert (scene.render("left") == before).mean() > 0.99
    assert np.isfinite(before).all()
