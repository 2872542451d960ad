import cc3d
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.render import RenderOptions, Scene, View, prepare_content, render_volume, save_png
from lungcam.render.camera import CORNER
from lungcam.render.scene import FRAME

SIZE = (240, 200)
RIGHT_LUNG, LEFT_LUNG = (47, 20, 16), (17, 20, 18)
NO_HEAT = 25


def glow(rgb):
    """How much redder than blue each pixel is, captions left out."""
    height = rgb.shape[0]
    shown = np.clip(rgb[..., 0].astype(int) - rgb[..., 2], 0, None)
    shown[round(height * (1 - FRAME[2])) :] = 0
    return np.where(shown > NO_HEAT, shown, 0)


def centroid(weights):
    rows, columns = np.indices(weights.shape)
    return (
        (rows * weights).sum() / weights.sum(),
        (columns * weights).sum() / weights.sum(),
    )


@pytest.mark.parametrize("at", [RIGHT_LUNG, LEFT_LUNG, (50, 12, 24), (42, 28, 8)])
@pytest.mark.parametrize("view", ["anterior", "posterior", "left", "right", View(60, -35)])
def test_heat_glows_where_it_is(opengl, chest, ball, at, view):
    hu, lungs, spacing = chest
    content = prepare_content(hu, lungs, ball(hu.shape, at, spacing), spacing, RenderOptions())
    with Scene(content, RenderOptions(), size=SIZE) as drawn:
        found = centroid(glow(drawn.picture(view)))
        expected = drawn.pixel_of(np.multiply(at, spacing))
    assert found == pytest.approx(expected, abs=2)


def test_patients_right_is_on_the_left_and_head_is_up(opengl, chest, ball):
    hu, lungs, spacing = chest

    def place(at):
        rgb = render_volume(hu, lungs, ball(hu.shape, at, spacing), spacing, SIZE)
        return centroid(glow(rgb))

    assert place(RIGHT_LUNG)[1] < SIZE[0] / 2 - 20
    assert place(LEFT_LUNG)[1] > SIZE[0] / 2 + 20
    assert place((47, 20, 24))[0] < place((47, 20, 8))[0] - 20


def test_mapper_of_the_graphics_card_shows_the_same_glow(opengl, chest, ball):
    hu, lungs, spacing = chest
    arguments = (hu, lungs, ball(hu.shape, RIGHT_LUNG, spacing), spacing, SIZE)
    one = glow(render_volume(*arguments, look=RenderOptions(mapper="software")))
    other = glow(render_volume(*arguments, look=RenderOptions(mapper="hardware")))
    assert centroid(other) == pytest.approx(centroid(one), abs=2)
    assert other.max() == pytest.approx(one.max(), rel=0.3)


@pytest.mark.parametrize("heat", [None, "zero"])
def test_without_heat_there_is_no_heat_color(opengl, chest, heat):
    hu, lungs, spacing = chest
    heat = None if heat is None else np.zeros(hu.shape, np.float32)
    rgb = render_volume(hu, lungs, heat, spacing, SIZE)
    assert glow(rgb).max() == 0
    assert (rgb[..., 0].astype(int) - rgb[..., 2]).max() <= NO_HEAT  # nor a colour bar


def test_two_lungs_are_seen_apart_and_whole(opengl, chest):
    hu, lungs, spacing = chest
    rgb = render_volume(hu, lungs, None, spacing, SIZE, View(0, 0))
    left, right, bottom, _ = FRAME
    bright = rgb.max(axis=2) > rgb[0, 0].max() + 8
    bright[:, : int(left * SIZE[0])] = bright[:, int(np.ceil(right * SIZE[0])) :] = False
    bright[int(np.ceil((1 - bottom) * SIZE[1])) :] = False
    bright[: int(np.ceil((1 - CORNER[1]) * SIZE[1])), int(CORNER[0] * SIZE[0]) :] = False
    regions = cc3d.statistics(cc3d.dust(cc3d.connected_components(bright), 30))["voxel_counts"]
    assert (regions[1:] > 500).sum() == 2
    assert not bright[0].any()


def test_heat_beyond_the_lungs_is_not_hidden(opengl, chest, ball):
    hu, lungs, spacing = chest
    outside = ball(hu.shape, (32, 20, 16), spacing, radius_mm=6)  # between the lungs
    assert glow(render_volume(hu, lungs, outside, spacing, SIZE)).max() > 60


def test_a_dilated_mask_does_not_hide_the_heat(opengl, chest, ball):
    hu, lungs, spacing = chest
    wide = lungs.copy()
    wide[1:] |= lungs[:-1]
    wide[:-1] |= lungs[1:]
    heat = ball(hu.shape, RIGHT_LUNG, spacing)
    shown = [glow(render_volume(hu, m, heat, spacing, SIZE)).sum() for m in (lungs, wide)]
    assert shown[1] == pytest.approx(shown[0], rel=0.2)


def test_same_input_same_picture(opengl, chest, ball):
    hu, lungs, spacing = chest
    heat = ball(hu.shape, RIGHT_LUNG, spacing)
    pictures = [render_volume(hu, lungs, heat, spacing, SIZE) for _ in range(2)]
    assert (pictures[0] == pictures[1]).all()
    assert pictures[0].shape == (SIZE[1], SIZE[0], 3)
    assert pictures[0].dtype == np.uint8


def test_a_mark_stands_along_the_upper_edge_and_hides_nothing(opengl, chest, ball):
    hu, lungs, spacing = chest
    heat = ball(hu.shape, RIGHT_LUNG, spacing)
    plain, marked = (
        render_volume(hu, lungs, heat, spacing, mark=mark).astype(int)
        for mark in (None, "Heat-maps of this net failed their checks: do not rely on them")
    )
    rows, columns = np.nonzero(np.abs(marked - plain).max(axis=2) > 30)
    assert rows.size
    assert rows.max() < (1 - FRAME[3]) * len(plain)
    # whole: it ends before the picture does, on either side
    assert 0.05 < columns.min() / plain.shape[1] < columns.max() / plain.shape[1] < 0.95


def test_unknown_view_is_refused_before_any_work(chest):
    hu, lungs, spacing = chest
    with pytest.raises(ValueError, match="no view 'frontal'"):
        render_volume(hu, lungs, None, spacing, view="frontal")


def test_png_comes_back_the_same_and_alone(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    path = tmp_path / "render.png"
    path.write_bytes(b"an older picture")
    save_png(path, rgb)
    assert (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) == rgb).all()
    assert [p.name for p in tmp_path.iterdir()] == ["render.png"]


def test_png_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "render.png").mkdir()
    with pytest.raises(OSError, match=r"render\.png"):
        save_png(tmp_path / "render.png", np.zeros((2, 2, 3), np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["render.png"]


@pytest.mark.parametrize("rgb", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8)])
def test_what_is_no_picture_is_not_written(tmp_path, rgb):
    with pytest.raises(ValueError, match="uint8"):
        save_png(tmp_path / "render.png", rgb)
