"""Tests of outlines: the first pixels outside a region, in order."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lungcam.phantom.layouts.readings import outline_mask, trace_outline


def filled(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels that a closed line encloses, by flooding from outside."""
    edge = np.zeros(shape, bool)
    edge[tuple(points.T)] = True
    return ndimage.binary_fill_holes(edge) & ~edge


def test_the_outline_of_one_pixel_has_four_pixels():
    region = np.zeros((5, 5), bool)
    region[2, 3] = True
    assert trace_outline(region).tolist() == [[2, 2], [3, 3], [2, 4], [1, 3], [2, 2]]


def test_the_outline_follows_a_notch():
    # columns across, rows down; the middle one of the upper row is outside
    region = np.zeros((5, 4), bool)
    region[1:4, 1:3] = True
    region[2, 1] = False
    walk = [[1, 0], [2, 1], [3, 0], [4, 1], [4, 2], [3, 3], [2, 3], [1, 3], [0, 2], [0, 1], [1, 0]]
    assert trace_outline(region).tolist() == walk


def bay() -> np.ndarray:
    """Return a bay in the shape of a cross, its centre filled."""
    noise = np.ones((8, 7), bool)
    noise[(5, 6, 6, 7), (3, 2, 4, 3)] = False
    return noise


@given(arrays(bool, (8, 7)))
@example(bay())
def test_an_outline_encloses_exactly_the_region(noise):
    parts, count = ndimage.label(np.pad(noise, 1))
    for part in range(1, count + 1):
        region = ndimage.binary_fill_holes(parts == part)
        points = trace_outline(region)
        assert not region[tuple(points.T)].any()
        assert (points[0] == points[-1]).all()
        assert np.abs(np.diff(points, axis=0)).max() == 1
        # if a bay of single pixels closes on itself, the line encloses its content too
        edge = ndimage.binary_dilation(region) & ~region
        enclosed = ndimage.binary_fill_holes(edge) & ~edge
        assert np.array_equal(filled(points, region.shape), enclosed)
        assert (enclosed >= region).all()


@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    hole=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_a_hole_has_an_outline_of_its_own(size, hole):
    mask = np.zeros((16, 16, 3), bool)
    mask[2 : 4 + size[0], 2 : 4 + size[1], 1] = True
    inner = slice(3, 3 + min(hole[0], size[0])), slice(3, 3 + min(hole[1], size[1]))
    mask[(*inner, 1)] = False
    outer, inside = outline_mask(mask)
    assert (outer.index, outer.included, inside.index, inside.included) == (1, True, 1, False)
    both = filled(outer.points, (16, 16)) & ~filled(inside.points, (16, 16))
    assert np.array_equal(both, mask[:, :, 1])


def test_components_of_a_slice_have_separate_outlines():
    mask = np.zeros((9, 9, 4), bool)
    mask[2:4, 2:4, 1] = mask[4:6, 4:6, 1] = mask[3, 3, 2] = True
    outlines = outline_mask(mask)
    assert [outline.index for outline in outlines] == [1, 1, 2]
    union = sum(filled(outline.points, (9, 9)) for outline in outlines[:2]).astype(bool)
    assert np.array_equal(union, mask[:, :, 1])
