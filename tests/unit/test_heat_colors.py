"""Colours of heat-maps: the same floor and colours on slices and in pictures."""

import numpy as np
import pytest

from lungcam.heat_colors import FIRE, FIRE_COLORS, HEAT_FLOOR, heat_colors, slice_colors


@pytest.mark.parametrize("name", [FIRE, "viridis"])
def test_slices_have_the_colours_of_pictures_from_the_floor_on(name):
    table = slice_colors(name)
    assert table.shape == (256, 4)
    rows = np.array(heat_colors(name))
    for value, *color in rows:
        if value == round(value):
            assert table[round(value), :3] == pytest.approx(color)
    floor = int(np.ceil(255 * HEAT_FLOOR))
    assert (table[:floor, 3] == 0).all()
    # the edge is seen, and more heat hides more of the scan
    assert table[floor, 3] >= 0.2
    assert (np.diff(table[floor:, 3]) >= 0).all()
    assert table[255, 3] == 1


def test_the_floor_is_a_row_of_the_table():
    assert FIRE_COLORS[1][0] == 255 * HEAT_FLOOR
