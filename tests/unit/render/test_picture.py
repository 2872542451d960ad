from functools import partial

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.render import RenderOptions, Scene, View, prepare_content, render_volume, save_png
from lungcam.render.camera import CUBE_VIEWPORT
from lungcam.render.scene import FRAME

SIZE = (240, 200)
RIGHT_LUNG, LEFT_LUNG = (47, 20, 16), (17, 20, 18)
NO_HEAT = 25


def glow(rgb):
    """Return how much redder than blue each pixel is, without the captions."""
    height = rgb.shape[0]
    redness = np.clip(rgb[..., 0].astype(int) - rgb[..., 2], 0, None)
    redness[round(height * (1 - FRAME[2])) :] = 0
    return np.where(redness > NO_HEAT, redness, 0)


def centroid(weights):
    rows, columns = np.indices(weights.shape)
    return (
        (rows * weights).sum() / weights.sum(),
        (columns * weights).sum() / weights.sum(),
    )


@pytest.fixture
def draw(opengl, chest):
    """Function of (heat, ...): picture of the chest with a heat-map or without."""
    hu, lungs, spacing = chest
    return partial(render_volume, hu, lungs, spacing_mm=spacing)


@pytest.fixture
def heat_at(chest, make_heat):
    """Function of (center, radius_mm): heat around a voxel of the chest."""
    hu, _, spacing = chest
    return lambda center, **radius: make_heat(hu.shape, center, spacing, **radius)


@pytest.mark.parametrize("center", [RIGHT_LUNG, LEFT_LUNG, (50, 12, 24), (42, 28, 8)])
@pytest.mark.parametrize("view", ["anterior", "posterior", "left", "right", View(60, -35)])
def test_heat_glows_at_its_position(opengl, chest, make_inputs, center, view):
    content = prepare_content(make_inputs(center), RenderOptions())
    with Scene(content, RenderOptions(), size=SIZE) as scene:
        position = centroid(glow(scene.render(view)))
        expected = scene.project(np.multiply(center, chest[2]))
    assert position == pytest.approx(expected, abs=2)


def test_patients_right_is_on_the_left_and_head_is_up(draw, heat_at):
    def position(center):
        return centroid(glow(draw(heat=heat_at(center), size=SIZE)))

    assert position(RIGHT_LUNG)[1] < SIZE[0] / 2 - 20
    assert position(LEFT_LUNG)[1] > SIZE[0] / 2 + 20
    assert position((47, 20, 24))[0] < position((47, 20, 8))[0] - 20


def test_both_mappers_draw_the_same_glow(draw, heat_at):
    software, hardware = (
        glow(draw(heat=heat_at(RIGHT_LUNG), size=SIZE, options=RenderOptions(mapper=mapper)))
        for mapper in ("software", "hardware")
    )
    assert centroid(hardware) == pytest.approx(centroid(software), abs=2)
    assert hardware.max() == pytest.approx(software.max(), rel=0.3)


@pytest.mark.parametrize("heat", [None, "zero"])
def test_without_heat_there_is_no_heat_color(draw, chest, heat):
    heat = None if heat is None else np.zeros(chest[0].shape, np.float32)
    rgb = draw(heat=heat, size=SIZE)
    assert glow(rgb).max() == 0
    assert (rgb[..., 0].astype(int) - rgb[..., 2]).max() <= NO_HEAT  # nor a colour bar


def test_two_lungs_are_separate_and_complete(draw):
    rgb = draw(heat=None, size=SIZE, view=View(0, 0))
    left, right, bottom, _ = FRAME
    bright = rgb.max(axis=2) > rgb[0, 0].max() + 8
    bright[:, : int(left * SIZE[0])] = bright[:, int(np.ceil(right * SIZE[0])) :] = False
    bright[int(np.ceil((1 - bottom) * SIZE[1])) :] = False
    bright[: int(np.ceil((1 - CUBE_VIEWPORT[1]) * SIZE[1])), int(CUBE_VIEWPORT[0] * SIZE[0]) :] = (
        False
    )
    regions = cc3d.statistics(cc3d.dust(cc3d.connected_components(bright), 30))["voxel_counts"]
    assert (regions[1:] > 500).sum() == 2
    assert not bright[0].any()


def test_heat_outside_the_lungs_is_not_hidden(draw, heat_at):
    outside = heat_at((32, 20, 16), radius_mm=6)  # between the lungs
    assert glow(draw(heat=outside, size=SIZE)).max() > 60


def test_dilated_mask_does_not_hide_the_heat(opengl, chest, heat_at):
    hu, lungs, spacing = chest
    dilated = lungs.copy()
    dilated[1:] |= lungs[:-1]
    dilated[:-1] |= lungs[1:]
    settings = {"heat": heat_at(RIGHT_LUNG), "spacing_mm": spacing, "size": SIZE}
    sums = [glow(render_volume(hu, mask, **settings)).sum() for mask in (lungs, dilated)]
    assert sums[1] == pytest.approx(sums[0], rel=0.2)


def test_same_input_gives_the_same_picture(draw, heat_at):
    pictures = [draw(heat=heat_at(RIGHT_LUNG), size=SIZE) for _ in range(2)]
    assert (pictures[0] == pictures[1]).all()
    assert pictures[0].shape == (SIZE[1], SIZE[0], 3)
    assert pictures[0].dtype == np.uint8


def test_mark_is_along_the_upper_edge_and_hides_nothing(draw, heat_at):
    heat = heat_at(RIGHT_LUNG)
    plain, marked = (
        draw(heat=heat, mark=mark).astype(int)
        for mark in (None, "Heat-maps of this net failed their checks: do not rely on them")
    )
    rows, columns = np.nonzero(np.abs(marked - plain).max(axis=2) > 30)
    assert rows.size
    assert rows.max() < (1 - FRAME[3]) * len(plain)
    # complete: it ends before the picture does, on both sides
    assert 0.05 < columns.min() / plain.shape[1] < columns.max() / plain.shape[1] < 0.95


def test_unknown_view_is_refused(chest):
    hu, lungs, spacing = chest
    with pytest.raises(ValueError, match="no view 'frontal'"):
        render_volume(hu, lungs, heat=None, spacing_mm=spacing, view="frontal")


def test_png_is_read_back_unchanged_and_leaves_no_other_file(tmp_path):
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
def test_array_of_another_shape_or_type_is_not_written(tmp_path, rgb):
    with pytest.raises(ValueError, match="uint8"):
        save_png(tmp_path / "render.png", rgb)
