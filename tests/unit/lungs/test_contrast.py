"""Walls are paler than what stands in the lungs or in a bay of them."""

import numpy as np
import pytest

from lungcam.lungs import fade_walls

SPACING = (5.0, 5.0, 5.0)


@pytest.fixture
def chest():
    """(values, lungs): two lungs of 0 in a body of 6; a nodule of 6 in a bay of 3 voxels."""
    lungs = np.zeros((40, 30, 30), bool)
    lungs[5:17, 5:25, 5:25] = True
    lungs[23:35, 5:25, 5:25] = True
    lungs[5:8, 13:16, 13:16] = False
    return np.where(lungs, 0.0, 6.0).astype(np.float32), lungs


@pytest.mark.parametrize("contrast", [0.0, 0.4, 1.0])
def test_the_nodule_keeps_its_contrast_and_the_wall_does_not(chest, contrast):
    values, lungs = chest
    values[10, 10, 10] = 5  # a vessel
    faded = fade_walls(values, lungs, SPACING, contrast)
    assert faded.dtype == np.float32
    assert np.array_equal(faded[lungs], values[lungs])
    assert (faded[6:8, 13:16, 13:16] == 6).all()
    assert faded[2, 14, 14] == pytest.approx(6 * contrast)
    assert faded[20, 2, 14] == pytest.approx(6 * contrast)


def test_the_values_given_are_not_changed(chest):
    values, lungs = chest
    before = values.copy()
    fade_walls(values, lungs, SPACING, 0.0)
    assert np.array_equal(values, before)
