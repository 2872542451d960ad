import sys

import numpy as np
import pytest
from vtkmodules.vtkRenderingUI import vtkGenericRenderWindowInteractor

from lungcam.render import RenderError, RenderOptions, Scene, prepare_content, show
from lungcam.render.interactive import interact

LOOK = RenderOptions(size=200)


@pytest.fixture
def content(opengl, chest, ball):
    hu, lungs, spacing = chest
    return prepare_content(hu, lungs, ball(hu.shape, (47, 20, 16), spacing), spacing, LOOK)


@pytest.fixture
def turned(content):
    """(scene, interactor): a scene that takes events, off the screen."""
    with Scene(content, LOOK) as scene:
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


def test_dragging_turns_the_camera_and_what_hangs_on_it(turned):
    scene, interactor = turned
    before = "".join(side.GetInput() for side in scene._sides)
    drag(interactor, (20, 100), (110, 100))  # 90 degrees of a window of 200
    after = "".join(side.GetInput() for side in scene._sides)
    assert before == "RL"
    assert after in ("AP", "PA")
    camera = scene._renderer.GetActiveCamera()
    cube = scene._cube.renderer.GetActiveCamera()
    assert cube.GetDirectionOfProjection() == pytest.approx(camera.GetDirectionOfProjection())


def test_the_usual_keys_hold(turned):
    scene, interactor = turned
    ended = []
    interactor.AddObserver("ExitEvent", lambda *_: ended.append(True))
    scene._renderer.GetActiveCamera().Zoom(9)
    press(interactor, "r")
    assert scene._renderer.GetActiveCamera().GetParallelScale() > 60
    assert not ended
    press(interactor, "q")
    assert ended


def test_the_scale_follows_the_zoom(turned):
    scene, interactor = turned
    label = scene._scale.actors[1]
    before = float(label.GetInput().split()[0])
    scene._renderer.GetActiveCamera().Zoom(10)
    interactor.Render()
    assert float(label.GetInput().split()[0]) == pytest.approx(before / 10, rel=0.6)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
@pytest.mark.parametrize("display", [None, ":987"])
def test_without_a_screen_one_line_says_so(content, monkeypatch, capfd, display):
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    with pytest.raises(RenderError, match="no screen") as caught:
        show(content, LOOK)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_picture_after_turning_is_as_before(turned):
    scene, interactor = turned
    scene.mapper.SetAutoAdjustSampleDistances(False)
    one = scene.picture("left")
    drag(interactor, (100, 100), (130, 80))
    assert (scene.picture("left") == one).mean() > 0.99
    assert np.isfinite(one).all()
