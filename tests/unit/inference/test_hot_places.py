"""Hottest places: planted spots have their place, tissue and size."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.inference.hot_places import hot_places
from lungcam.scans import Scan

SHAPE, SPACING = (100, 60, 50), (2.0, 2.0, 4.0)


def ball(center, radius_mm, grid=None):
    """Return a ball around a voxel, as bool on the grid."""
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    return np.linalg.norm((index - center) * SPACING, axis=-1) <= radius_mm


@pytest.fixture(scope="module")
def chest():
    """Two lungs with a vessel in one of them, and a map with three spots."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-100, -60, -90)
    grid = Grid(SHAPE, affine)
    lungs = np.zeros(SHAPE, bool)
    lungs[8:44, 10:50, 5:45] = True
    lungs[56:92, 10:50, 5:45] = True
    hu = np.where(lungs, -850, 40).astype(np.int16)
    vessel = ball((74, 30, 35), 5)
    hu[vessel], lungs[vessel] = 50, False
    heat = np.zeros(SHAPE, np.float32)
    for center, radius, height in (
        ((74, 30, 35), 12, 1.0),
        ((20, 30, 8), 8, 0.5),
        ((50, 30, 25), 6, 0.3),
        ((30, 20, 25), 6, 0.1),
    ):
        heat[ball(center, radius)] = height
        heat[center] *= 1.01
    scan = Scan(name="s", source=Path("s"), hu=hu, grid=grid)
    return HeatMap(heat, grid), scan, {"lungs": lungs}


def test_places_have_the_side_third_tissue_and_size_that_were_planted(chest):
    heat, scan, masks = chest
    first, second, third = hot_places(heat, scan, masks=masks)
    # the first axis points to the patient's right
    assert (first.location.side, first.location.third) == ("right", "upper")
    assert (second.location.side, second.location.third) == ("left", "lower")
    assert first.center_mm == pytest.approx((48, 0, 50), abs=1.5)
    # a vessel is closed over: its wall is not the pleura
    assert first.location.pleura_mm == pytest.approx(34, abs=4)
    assert third.location.pleura_mm == 0
    assert first.mean_hu == pytest.approx(50, abs=1)
    assert second.mean_hu == pytest.approx(-850, abs=1)
    assert first.diameter_mm == pytest.approx(24, rel=0.1)
    assert second.diameter_mm == pytest.approx(16, rel=0.15)
    assert [round(place.share, 2) for place in (first, second, third)] == [1.0, 0.5, 0.3]
    assert first.as_record()["side"] == "right"


def test_a_crop_has_places_without_lungs_and_an_empty_map_none(chest):
    heat, scan, _ = chest
    (place,) = hot_places(heat, scan, masks={}, most=1)
    assert place.location is None
    assert "side" not in place.as_record()
    assert hot_places(HeatMap(0 * heat.values, heat.cells), scan, masks={}) == []
