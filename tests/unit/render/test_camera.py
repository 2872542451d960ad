import numpy as np
import pytest
from vtkmodules.vtkRenderingCore import vtkCamera

from lungcam.render import VIEWS, View
from lungcam.render.camera import aim, camera_axes, named_view, side_letters, view_axes


def test_patients_left_is_on_the_right_in_a_view_from_the_front():
    right, top, toward = view_axes(View(0, 0))
    assert right == pytest.approx([-1, 0, 0])
    assert top == pytest.approx([0, 0, 1])
    assert toward == pytest.approx([0, 1, 0])


def test_azimuth_goes_to_the_patients_left_and_elevation_up():
    assert view_axes(View(90, 0))[2] == pytest.approx([-1, 0, 0])
    assert view_axes(View(0, 30))[2] == pytest.approx([0, np.sqrt(0.75), 0.5])


@pytest.mark.parametrize("view", [*VIEWS.values(), View(130, -40)])
def test_axes_are_a_right_handed_frame(view):
    axes = view_axes(view)
    assert axes @ axes.T == pytest.approx(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)


@pytest.mark.parametrize("view", [*VIEWS.values(), View(130, -40)])
def test_aimed_camera_has_the_axes_of_its_view(view):
    camera = vtkCamera()
    aim(camera, view, points=np.array([[0, 0, 0], [300, 200, 250]]), aspect=1.0, frame=(0, 1, 0, 1))
    assert camera_axes(camera) == pytest.approx(view_axes(view), abs=1e-6)


def test_letters_of_a_patient_on_the_side():
    assert side_letters(np.array([0.1, 0.2, -0.9])) == ("S", "I")


def test_letters_of_the_named_views():
    letters = {name: side_letters(view_axes(view)[0]) for name, view in VIEWS.items()}
    assert letters == {
        "anterior": ("R", "L"),
        "posterior": ("L", "R"),
        "left": ("A", "P"),
        "right": ("P", "A"),
        "superior": ("R", "L"),
        "three_quarter": ("A", "P"),
    }


def test_unknown_view_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="anterior, posterior"):
        named_view("frontal")
