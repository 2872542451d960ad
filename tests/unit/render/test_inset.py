"""Inset of a picture: the tissue at the peak, as radiologists see it."""

import numpy as np
import pytest

from lungcam.render.inset import FIELD_MM, LEFT, SHARE, TOP, add_inset

SIZE = 400
SIDE = round(SHARE * SIZE)
SPACING_MM = (1.0, 1.5, 3.0)


@pytest.fixture
def scan():
    """Scan of air with a dense ball at the peak, and a vessel to its right and in front."""
    hu = np.full((120, 100, 20), -1000, np.int16)
    x, y, z = np.indices(hu.shape)
    hu[(x - 60) ** 2 + 2.25 * (y - 50) ** 2 + 9 * (z - 10) ** 2 < 64] = 100
    # 20 mm to the right, 18 mm in front
    hu[77:84, 60:64, 10] = 150
    heat = np.zeros(hu.shape, np.float32)
    heat[60, 50, 10] = 2.0
    return hu, heat


def inset(scan):
    hu, heat = scan
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    drawn = add_inset(picture, hu, heat=heat, spacing_mm=SPACING_MM)
    top, left = round(TOP * SIZE), round(LEFT * SIZE)
    return drawn[top : top + SIDE, left : left + SIDE].astype(int)


def test_the_tissue_at_the_peak_is_seen_with_right_on_the_left(scan):
    square = inset(scan)
    middle, mm = SIDE // 2, SIDE / FIELD_MM
    # the ball around the middle, and air beyond its 8 mm
    assert square[middle, round(middle + 5 * mm)].min() > 200
    assert square[middle, round(middle + 12 * mm)].max() < 100
    row, column = round(middle - 18 * mm), round(middle - 20 * mm)
    assert square[row, column].min() > 200
    assert square[row, round(middle + 20 * mm)].max() < 100


def test_heat_is_drawn_over_the_tissue_that_is_seen_through_it(scan):
    hu, heat = scan
    heat[50:71, 43:58, 10] = np.maximum(heat[50:71, 43:58, 10], 1.9)
    square = inset((hu, heat))
    middle = SIDE // 2
    red, _, blue = square[middle, middle + 2]
    assert red > blue + 20
    beyond = square[middle, round(middle + 9.5 * SIDE / FIELD_MM)]
    # air under the same heat is darker than the ball
    assert square[middle, middle + 2].sum() > beyond.sum() + 100


def test_without_heat_or_room_the_picture_stays(scan):
    hu, heat = scan
    large, small = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((200, 200, 3), np.uint8)
    for picture, shown in ((large, None), (large, 0 * heat), (small, heat)):
        assert not add_inset(picture, hu, heat=shown, spacing_mm=SPACING_MM).any()
