import numpy as np
import pytest

from lungcam.render import RenderOptions, Scene, View, prepare_content
from lungcam.render.annotations import LENGTHS_MM
from lungcam.render.camera import CORNER, axes_of, named_view
from lungcam.render.options import CLIPS

AT = (47, 20, 16)


@pytest.fixture
def content(opengl, chest, ball):
    hu, lungs, spacing = chest

    def prepare(look):
        return prepare_content(hu, lungs, ball(hu.shape, AT, spacing), spacing, look)

    return prepare


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("view", ["anterior", "left", "superior", "three_quarter", "posterior"])
def test_a_cut_takes_away_what_lies_toward_the_camera_from_the_peak_on(content, chest, clip, view):
    look = RenderOptions(view=view, clip=clip, size=64)
    with Scene(content(look), look) as scene:
        bounds = np.array(scene.mapper.GetCroppingRegionPlanes()).reshape(3, 2)
    whole = RenderOptions(view=view, size=64)
    with Scene(content(whole), whole) as scene:
        before = np.array(scene.mapper.GetCroppingRegionPlanes()).reshape(3, 2)
    axis = CLIPS[clip]
    toward = axes_of(named_view(view))[2][axis]
    nearer = int(toward > -1e-9)
    assert bounds[axis, nearer] == pytest.approx(AT[axis] * chest[2][axis])
    assert (bounds != before).sum() == 1


def test_a_cut_shows_the_peak_itself(content):
    def hottest(clip):
        look = RenderOptions(preset="classic", view="anterior", clip=clip, size=240)
        with Scene(content(look), look) as scene:
            picture = scene.picture("anterior").astype(int)
            row, column = scene.pixel_of(np.multiply(AT, (4.0, 4.5, 7.0)))
        return picture[round(row), round(column)]

    # fire is brightest, that is most yellow, at its peak, which the hot shell hides from outside
    assert hottest("coronal")[1] > hottest(None)[1] + 20


def test_the_scale_bar_is_as_long_as_it_says(content):
    look = RenderOptions(size=400)
    with Scene(content(look), look) as scene:
        scene.picture(View(0, 0))
        bar, label = scene._scale.actors
        length = float(label.GetInput().removesuffix(" mm"))
        points = bar.GetMapper().GetInput().GetPoints()
        drawn = points.GetPoint(1)[0] - points.GetPoint(0)[0]
        one, other = (scene.pixel_of((x, 0, 0))[1] for x in (0.0, length))
    assert length in LENGTHS_MM
    assert drawn == pytest.approx(abs(other - one), abs=0.5)
    assert drawn < 0.26 * 400


@pytest.mark.parametrize(
    ("view", "letters"),
    [("anterior", "RL"), ("posterior", "LR"), ("left", "AP"), ("right", "PA"), ("superior", "RL")],
)
def test_sides_are_named(content, view, letters):
    look = RenderOptions(size=64)
    with Scene(content(look), look) as scene:
        scene.picture(view)
        assert "".join(side.GetInput() for side in scene._sides) == letters


def test_the_cube_turns_with_the_camera_and_stays_in_its_corner(content):
    look = RenderOptions(size=300)
    left, bottom, right, top = (round(300 * share) for share in CORNER)
    corner = slice(300 - top, 300 - bottom), slice(left, right)
    with Scene(content(look), look) as scene:
        faces = [scene.picture(v)[corner] for v in ("anterior", "posterior", "left", "superior")]
    for index, one in enumerate(faces):
        assert (one > 150).any()  # a letter
        assert all((one != other).any() for other in faces[index + 1 :])


def test_the_colour_bar_tells_logits(content):
    look = RenderOptions(size=400)
    shown = content(look)
    with Scene(shown, look) as scene:
        scene.picture("anterior")
        props = scene._renderer.GetViewProps()
        actors = [props.GetItemAsObject(i) for i in range(props.GetNumberOfItems())]
    (bar,) = (one for one in actors if one.IsA("vtkScalarBarActor"))
    assert bar.GetLookupTable().GetRange() == pytest.approx((0, 0.003))
    assert shown.peak == pytest.approx(0.003)
    labels = [bar.GetCustomLabels().GetValue(i) for i in range(4)]
    assert labels == pytest.approx([0, 0.001, 0.002, 0.003])
    assert "Grad-CAM, logit" in {one.GetInput() for one in actors if one.IsA("vtkTextActor")}
