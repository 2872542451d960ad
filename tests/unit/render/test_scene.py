from functools import partial

import numpy as np
import pytest

from lungcam.render import RenderOptions, Scene, View, prepare_content, scene
from lungcam.render.annotations import SCALE_LENGTHS_MM
from lungcam.render.camera import CUBE_VIEWPORT, named_view, view_axes
from lungcam.render.options import CLIPS

CENTER = (47, 20, 16)


@pytest.fixture
def content(opengl, make_inputs):
    """Function of render options: content with heat in the right lung."""
    return partial(prepare_content, make_inputs(CENTER))


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("view", ["anterior", "left", "superior", "three_quarter", "posterior"])
def test_clip_removes_the_part_between_the_peak_and_the_camera(content, chest, clip, view):
    options = RenderOptions(view=view, clip=clip, size=64)
    with Scene(content(options), options) as scene:
        bounds = np.array(scene.mapper.GetCroppingRegionPlanes()).reshape(3, 2)
    whole = RenderOptions(view=view, size=64)
    with Scene(content(whole), whole) as scene:
        before = np.array(scene.mapper.GetCroppingRegionPlanes()).reshape(3, 2)
    axis = CLIPS[clip]
    toward = view_axes(named_view(view))[2][axis]
    nearer = int(toward > -1e-9)
    assert bounds[axis, nearer] == pytest.approx(CENTER[axis] * chest[2][axis])
    assert (bounds != before).sum() == 1


def test_clip_shows_the_peak(content):
    def hottest(clip):
        options = RenderOptions(preset="classic", view="anterior", clip=clip, size=240)
        with Scene(content(options), options) as scene:
            picture = scene.render("anterior").astype(int)
            row, column = scene.project(np.multiply(CENTER, (4.0, 4.5, 7.0)))
        return picture[round(row), round(column)]

    # fire is most yellow at its peak, which the hot shell hides from outside
    assert hottest("coronal")[1] > hottest(None)[1] + 20


def test_fewer_rays_draw_the_same_picture(content, monkeypatch):
    options = RenderOptions(mapper="software", size=400)

    def draw():
        with Scene(content(options), options) as drawn:
            return drawn.render("anterior").astype(int), drawn.mapper.GetImageSampleDistance()

    picture, distance = draw()
    monkeypatch.setattr(scene, "MAX_RAY_PIXELS", 1.0)
    expected, pixel = draw()
    assert distance > pixel == 1
    difference = np.abs(picture - expected)
    assert difference.any()
    assert difference.mean() < 1
    assert np.percentile(difference, 99) < 8


def test_scale_bar_has_the_length_on_its_label(content):
    options = RenderOptions(size=400)
    with Scene(content(options), options) as scene:
        scene.render(View(0, 0))
        bar, label = scene._scale_bar.actors
        length = float(label.GetInput().removesuffix(" mm"))
        points = bar.GetMapper().GetInput().GetPoints()
        drawn = points.GetPoint(1)[0] - points.GetPoint(0)[0]
        start, end = (scene.project((x, 0, 0))[1] for x in (0.0, length))
    assert length in SCALE_LENGTHS_MM
    assert drawn == pytest.approx(abs(end - start), abs=0.5)
    assert drawn < 0.26 * 400


@pytest.mark.parametrize(
    ("view", "letters"),
    [("anterior", "RL"), ("posterior", "LR"), ("left", "AP"), ("right", "PA"), ("superior", "RL")],
)
def test_sides_of_the_patient_are_named(content, view, letters):
    options = RenderOptions(size=64)
    with Scene(content(options), options) as scene:
        scene.render(view)
        assert "".join(side.GetInput() for side in scene._sides) == letters


def test_cube_turns_with_the_camera_and_stays_in_its_corner(content):
    options = RenderOptions(size=300)
    left, bottom, right, top = (round(300 * share) for share in CUBE_VIEWPORT)
    corner = slice(300 - top, 300 - bottom), slice(left, right)
    with Scene(content(options), options) as scene:
        faces = [scene.render(v)[corner] for v in ("anterior", "posterior", "left", "superior")]
    for index, face in enumerate(faces):
        assert (face > 150).any()  # a letter
        assert all((face != other).any() for other in faces[index + 1 :])


def test_colour_bar_is_labelled_in_percent_of_its_peak(content):
    options = RenderOptions(size=400)
    prepared = content(options)
    with Scene(prepared, options) as scene:
        scene.render("anterior")
        props = scene._renderer.GetViewProps()
        actors = [props.GetItemAsObject(i) for i in range(props.GetNumberOfItems())]
    (bar,) = (actor for actor in actors if actor.IsA("vtkScalarBarActor"))
    assert bar.GetLookupTable().GetRange() == pytest.approx((0, 100))
    assert prepared.peak == pytest.approx(0.003)
    labels = bar.GetCustomLabels()
    count = labels.GetNumberOfValues()
    # a small picture has no room for the labels between
    assert [labels.GetValue(i) for i in range(count)] == [0, 100]
    titles = {actor.GetInput() for actor in actors if actor.IsA("vtkTextActor")}
    assert "Grad-CAM, % of its peak (0.003 logit)" in titles
