"""The hull of both lungs, slice by slice, against a hull of points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull

from lungcam.lungs import cavity, dilate
from lungcam.lungs.cavity import DIRECTIONS

SPACINGS = st.tuples(*[st.sampled_from([0.6, 0.7, 1.0, 1.3, 2.5, 4.0])] * 3)
LAYOUT = (st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))


@st.composite
def blobs(draw, largest=24):
    """Mask `(W, H, D)` of one to four boxes or balls, at any place, at the borders too."""
    shape = draw(st.tuples(st.integers(3, largest), st.integers(3, largest), st.integers(1, 9)))
    at = np.indices(shape)
    mask = np.zeros(shape, bool)
    for _ in range(draw(st.integers(1, 4))):
        center = np.array([draw(st.integers(0, n - 1)) for n in shape])
        radii = np.array(draw(st.tuples(*[st.integers(1, 6)] * 3)))
        away = np.abs(at - center[:, None, None, None]) / radii[:, None, None, None]
        mask |= (away.max(axis=0) < 1) if draw(st.booleans()) else ((away**2).sum(axis=0) < 1)
    return mask


def away_from_hull(lungs, spacing_mm, margin_mm, slab_mm):
    """Distance in mm to the hull's faces, negative inside, and the hulls' perimeters: by Qhull.

    The hull of a slice is that of discs around the lung voxels in it and above and below: as wide
    as a ball of `margin_mm` is there, and at least a point as far as the slab goes.
    """
    turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    disc = np.column_stack([np.cos(turn), np.sin(turn)])
    width, height, depth = lungs.shape
    centers = np.indices((width, height)).reshape(2, -1).T * spacing_mm[:2]
    away, perimeters = np.full(lungs.shape, np.inf), np.zeros(depth)
    for k in range(depth):
        points = []
        for other in range(depth):
            apart = abs(other - k) * spacing_mm[2]
            if apart > max(margin_mm, slab_mm) + 1e-6:
                continue
            inside = np.argwhere(lungs[:, :, other]) * spacing_mm[:2]
            # Qhull needs a body, however small
            radius = np.sqrt(max(margin_mm**2 - apart**2, 1e-4))
            points.append((inside[:, None] + radius * disc).reshape(-1, 2))
        points = np.concatenate(points)
        if len(points):
            hull = ConvexHull(points)
            faces = hull.equations
            away[:, :, k] = (centers @ faces[:, :2].T + faces[:, 2]).max(axis=1).reshape(width, -1)
            perimeters[k] = hull.area
    return away, perimeters


@settings(deadline=None, max_examples=80)
@given(blobs(), SPACINGS, st.floats(0, 8), st.floats(0, 12))
def test_is_the_hull_of_the_slab_and_its_margin(lungs, spacing, margin_mm, slab_mm):
    away, perimeters = away_from_hull(lungs, spacing, margin_mm, slab_mm)
    found = cavity(lungs, spacing, margin_mm, slab_mm)
    assert found[away < -0.02].all()
    # a side that lies between two directions is bulged by at most this
    bulge = perimeters / 4 * np.tan(np.pi / DIRECTIONS)
    assert not found[away > bulge + 0.02].any()


@settings(deadline=None, max_examples=80)
@given(blobs(40), SPACINGS, st.floats(0, 8), st.floats(0, 12), *LAYOUT)
def test_holds_the_lungs_in_any_layout(laid_out, lungs, spacing, margin, slab, order, backwards):
    expected = cavity(lungs, spacing, margin, slab)
    assert expected.dtype == bool
    assert expected[lungs].all()
    before = lungs.copy()
    found = cavity(laid_out(lungs, order, backwards), spacing, margin, slab)
    assert np.array_equal(found, expected)
    assert np.array_equal(lungs, before)


@settings(deadline=None, max_examples=60)
@given(
    blobs(),
    SPACINGS,
    *[st.lists(st.floats(0, 15), min_size=2, max_size=2).map(sorted)] * 2,
)
def test_grows_with_margin_and_slab(lungs, spacing, margins, slabs):
    least = cavity(lungs, spacing, margins[0], slabs[0])
    for margin, slab in ((margins[1], slabs[0]), (margins[0], slabs[1])):
        assert not (least & ~cavity(lungs, spacing, margin, slab)).any()


@settings(deadline=None, max_examples=60)
@given(blobs(), SPACINGS, st.floats(0, 8), st.floats(0, 12), st.integers(0, 2))
def test_mirrored_lungs_have_a_mirrored_cavity(lungs, spacing, margin, slab, axis):
    mirrored = cavity(np.flip(lungs, axis), spacing, margin, slab)
    assert np.array_equal(np.flip(mirrored, axis), cavity(lungs, spacing, margin, slab))


def test_one_voxel_becomes_a_ball_of_the_margin():
    lungs = np.zeros((15, 15, 15), bool)
    lungs[7, 7, 7] = True
    away = ndimage.distance_transform_edt(~lungs, sampling=(1.0, 2.0, 1.5))
    assert np.array_equal(cavity(lungs, (1.0, 2.0, 1.5), 5.5, 0), away <= 5.5)


def test_two_boxes_are_spanned_with_what_lies_between():
    lungs = np.zeros((20, 12, 3), bool)
    lungs[2:5, 3:9, 1] = lungs[14:18, 3:9, 1] = True
    expected = np.zeros_like(lungs)
    expected[2:18, 3:9, 1] = True
    assert np.array_equal(cavity(lungs, (1.0, 1.0, 1.0), 0, 0), expected)


def test_slab_bridges_a_slice_that_a_tumour_fills():
    lungs = np.zeros((20, 12, 9), bool)
    lungs[2:18, 3:9] = True
    lungs[9:, :, 3:6] = False
    assert not cavity(lungs, (1.0, 1.0, 2.0), 0, 2.0)[15, 5, 4]
    assert cavity(lungs, (1.0, 1.0, 2.0), 0, 4.0)[2:18, 3:9].all()
    # and reaches no further than itself above the lungs
    lungs[:, :, 5:] = False
    reached = cavity(lungs, (1.0, 1.0, 2.0), 0, 4.0).any(axis=(0, 1))
    assert reached.tolist() == [True] * 7 + [False] * 2


def test_nodules_at_the_wall_of_a_phantom_lie_within(phantom, found):
    """Balls of 30 mm over the lung's outer side: a margin of 4 mm does not reach them."""
    case = phantom(3, "healthy")
    spacing = case.grid.spacing_mm
    lungs, _ = found(3, "healthy")
    at = np.indices(lungs.shape)
    for share in (0.3, 0.5, 0.7):
        k = np.flatnonzero(lungs.any(axis=(0, 1)))
        k = int(k[0] + share * (k[-1] - k[0]))
        row = int(np.argwhere(lungs[:, :, k].any(axis=0)).mean())
        wall = int(np.flatnonzero(lungs[:, row, k])[-1])
        apart = [(at[axis] - (wall - 2, row, k)[axis]) * spacing[axis] for axis in range(3)]
        nodule = (np.square(apart).sum(axis=0) < 15**2) & case.lungs
        assert nodule[wall - 1, row, k]
        assert not dilate(lungs & ~nodule, spacing, 4)[nodule].all()
        assert cavity(lungs & ~nodule, spacing)[nodule].all()


@pytest.mark.parametrize("seed", range(6))
def test_phantoms_cavity_is_little_more_than_the_lungs_and_what_lies_between(phantom, found, seed):
    """Lungs, heart and spine make the chest; skin and ribs' outer sides stay out."""
    lungs, _ = found(seed)
    spacing = phantom(seed).grid.spacing_mm
    mask = cavity(lungs, spacing)
    assert 1.3 < mask.sum() / lungs.sum() < 2.2
    inner, outer = np.argwhere(lungs), np.argwhere(mask)
    further = np.maximum(
        inner.min(axis=0) - outer.min(axis=0), outer.max(axis=0) - inner.max(axis=0)
    )
    assert (further * spacing <= (4.01, 4.01, 10.01)).all()
