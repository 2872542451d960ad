import numpy as np
import pytest

from lungcam.render import Outline, RenderOptions, Scene, View, prepare_content
from lungcam.render.annotations import LEAST_PIXELS

LOOK = RenderOptions(size=220)
AT, RADIUS_MM = (47, 20, 16), 20.0


def ring_pixels(marked, plain):
    """(n, 2) rows and columns of what an outline changes."""
    return np.argwhere(np.abs(marked.astype(int) - plain).max(axis=2) > 30)


@pytest.fixture
def pictured(opengl, chest, ball):
    """Function of (view, radius_mm): picture without and with the outline, its centre, scale."""

    def draw(view, radius_mm=RADIUS_MM):
        hu, lungs, spacing = chest
        place = tuple(map(float, np.multiply(AT, spacing)))
        pictures = []
        for outlines in ((), (Outline(place, radius_mm),)):
            content = prepare_content(
                hu, lungs, ball(hu.shape, AT, spacing), spacing, LOOK, outlines=outlines
            )
            with Scene(content, LOOK) as scene:
                pictures.append(scene.picture(view))
                center = np.array(scene.pixel_of(place))
                above = np.array(scene.pixel_of((place[0], place[1], place[2] + 10)))
                side = np.array(scene.pixel_of((place[0] + 10, place[1], place[2])))
        scale = max(np.linalg.norm(p - center) for p in (above, side)) / 10
        return *pictures, center, scale

    return draw


@pytest.mark.parametrize("view", ["anterior", "posterior", "superior", View(0, 0)])
def test_the_ring_surrounds_the_nodule_at_its_radius(pictured, view):
    plain, marked, center, _ = pictured(view)
    found = ring_pixels(marked, plain)
    away = np.linalg.norm(found - center, axis=1)
    assert len(found) > 60
    assert found.mean(axis=0) == pytest.approx(center, abs=1)
    assert away.max() - away.min() < 4


def test_its_size_is_true(pictured):
    plain, marked, center, pixels_per_mm = pictured(View(0, 0))
    away = np.linalg.norm(ring_pixels(marked, plain) - center, axis=1)
    assert away.mean() == pytest.approx(RADIUS_MM * pixels_per_mm, abs=1)


@pytest.mark.parametrize("radius_mm", [RADIUS_MM, 0.0])
def test_within_it_the_heat_is_as_without(pictured, radius_mm):
    plain, marked, center, pixels_per_mm = pictured("anterior", radius_mm)
    rows, columns = np.indices(plain.shape[:2])
    away = np.hypot(rows - center[0], columns - center[1])
    within = away < max(radius_mm * pixels_per_mm, LEAST_PIXELS) - 2
    assert within.sum() > 60
    assert (marked[within] == plain[within]).all()
    hot = plain[within].astype(int)
    assert (hot[:, 0] - hot[:, 2]).max() > 100
