import numpy as np
import pytest

from lungcam.render import Outline, RenderOptions, Scene, View, prepare_content
from lungcam.render.annotations import MIN_RING_PIXELS, headlines

OPTIONS = RenderOptions(size=220)
NODULE, RADIUS_MM = (47, 20, 16), 20.0


def ring_pixels(ringed, plain):
    """(n, 2) rows and columns of the pixels that an outline changes."""
    return np.argwhere(np.abs(ringed.astype(int) - plain).max(axis=2) > 30)


@pytest.fixture
def draw(opengl, chest, make_inputs):
    """Function of (view, radius_mm): picture without and with the outline, its centre, scale."""
    center_mm = tuple(map(float, np.multiply(NODULE, chest[2])))

    def pictures(view, radius_mm=RADIUS_MM):
        drawn = []
        for outlines in ((), (Outline(center_mm, radius_mm),)):
            content = prepare_content(make_inputs(NODULE, outlines), OPTIONS)
            with Scene(content, OPTIONS) as scene:
                drawn.append(scene.render(view))
                x, y, z = center_mm
                center = np.array(scene.project(center_mm))
                above = np.array(scene.project((x, y, z + 10)))
                side = np.array(scene.project((x + 10, y, z)))
        scale = max(np.linalg.norm(p - center) for p in (above, side)) / 10
        return *drawn, center, scale

    return pictures


@pytest.mark.parametrize("view", ["anterior", "posterior", "superior", View(0, 0)])
def test_ring_surrounds_the_nodule_at_its_radius(draw, view):
    plain, ringed, center, _ = draw(view)
    pixels = ring_pixels(ringed, plain)
    distance = np.linalg.norm(pixels - center, axis=1)
    assert len(pixels) > 60
    assert pixels.mean(axis=0) == pytest.approx(center, abs=1)
    assert distance.max() - distance.min() < 4


def test_ring_has_the_true_size(draw):
    plain, ringed, center, pixels_per_mm = draw(View(0, 0))
    distance = np.linalg.norm(ring_pixels(ringed, plain) - center, axis=1)
    assert distance.mean() == pytest.approx(RADIUS_MM * pixels_per_mm, abs=1)


@pytest.mark.parametrize("radius_mm", [RADIUS_MM, 0.0])
def test_heat_within_the_ring_is_unchanged(draw, radius_mm):
    plain, ringed, center, pixels_per_mm = draw("anterior", radius_mm)
    rows, columns = np.indices(plain.shape[:2])
    distance = np.hypot(rows - center[0], columns - center[1])
    within = distance < max(radius_mm * pixels_per_mm, MIN_RING_PIXELS) - 2
    assert within.sum() > 60
    assert (ringed[within] == plain[within]).all()
    hot = plain[within].astype(int)
    assert (hot[:, 0] - hot[:, 2]).max() > 100


def test_headlines_stand_below_each_other_in_their_colours():
    size = (600, 600)
    title, doubt, mark = headlines("a scan", doubt="no", mark="x" * 300, height=12, size=size)
    assert [actor.GetInput() for actor in (title, doubt, mark)] == ["a scan", "no", "x" * 300]
    heights = [actor.GetPosition()[1] for actor in (title, doubt, mark)]
    assert heights == sorted(heights, reverse=True)
    red, green, blue = doubt.GetTextProperty().GetColor()
    assert red > green + 0.3
    assert red > blue + 0.3
    # a long line gets smaller letters, to fit
    assert mark.GetTextProperty().GetFontSize() < title.GetTextProperty().GetFontSize()
    assert headlines("", doubt=None, mark=None, height=12, size=size) == []
