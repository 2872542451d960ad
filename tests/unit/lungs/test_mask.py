"""Tests of the three lung masks, the thoracic cavity against Qhull, and closing against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull

from lungcam.lungs import (
    MASKS,
    air,
    cavity,
    close,
    dilate,
    lung_mask,
    lung_pockets,
    mask_around,
    trachea,
)
from lungcam.lungs.mask import DIRECTIONS, WORKING_SPACING_MM

# (seed, kind) of difficult phantoms: nodules at every site, large and small, in thin and thick
# slices, with and without an airway that joins the lungs
AT_THE_PLEURA = {
    "wall": [(11, "malignant"), (12, "malignant"), (17, "malignant"), (22, "malignant")],
    "mediastinum": [(15, "malignant"), (16, "malignant"), (11, "benign"), (18, "benign")],
    "apex": [(13, "benign")],
}
NODULES = [
    *[(place, *case) for place, cases in AT_THE_PLEURA.items() for case in cases],
    ("wall", 22, "benign"),
    ("none", 8, "malignant"),
    ("none", 9, "benign"),
]


def mask_coverage(phantom, segmented, seed: int, kind: str) -> dict[str, float]:
    """Return the share of the nodule that each mask contains."""
    case = phantom(seed, kind, 1.0)
    masks = {
        name: mask_around(*segmented(seed, kind, 1.0), spacing_mm=case.grid.spacing_mm, kind=name)
        for name in MASKS
    }
    return {name: float(mask[case.nodule].mean()) for name, mask in masks.items()}


@pytest.mark.parametrize(("place", "seed", "kind"), NODULES)
def test_cavity_contains_the_nodule_wherever_it_lies(phantom, segmented, place, seed, kind):
    case = phantom(seed, kind, 1.0)
    assert case.drawn.attachment == place
    assert case.nodule.any()
    shares = mask_coverage(phantom, segmented, seed, kind)
    assert shares["cavity"] >= 0.99
    assert shares["recipe"] <= shares["closed"] <= shares["cavity"]


def test_recipe_loses_attached_nodules_and_closing_restores_most_of_them(phantom, segmented):
    """Otherwise the nodules above could not distinguish the masks."""
    shares = [mask_coverage(phantom, segmented, seed, kind) for _, seed, kind in NODULES]
    lost = {name: sum(share[name] < 0.99 for share in shares) for name in MASKS}
    assert lost["recipe"] >= 5
    assert lost["closed"] <= 1
    assert lost["cavity"] == 0


@pytest.mark.parametrize("seed", range(6))
def test_every_mask_contains_the_lungs_and_their_margin(phantom, segmented, seed):
    spacing = phantom(seed).grid.spacing_mm
    lungs, airway = segmented(seed)
    near = ndimage.distance_transform_edt(~lungs, sampling=spacing) <= 4
    for kind in MASKS:
        mask = mask_around(lungs, airway, spacing_mm=spacing, kind=kind, margin_mm=4)
        assert mask.dtype == bool
        assert mask[near].all()
        wider = mask_around(lungs, airway, spacing_mm=spacing, kind=kind, margin_mm=9)
        assert wider[mask].all()
        assert wider.sum() > 1.05 * mask.sum()


def test_masks_are_built_as_documented(phantom, segmented):
    spacing = phantom(4).grid.spacing_mm
    lungs, airway = segmented(4)
    assert airway.any()
    both = lungs | airway
    both = np.stack([ndimage.binary_fill_holes(plane) for plane in both.transpose(2, 0, 1)], axis=2)
    masks = {
        kind: mask_around(lungs, airway, spacing_mm=spacing, kind=kind, margin_mm=5)
        for kind in MASKS
    }
    assert np.array_equal(masks["recipe"], dilate(both, spacing, distance_mm=5))
    assert np.array_equal(
        masks["closed"], dilate(close(both, spacing, radius_mm=20), spacing, distance_mm=5)
    )
    assert np.array_equal(masks["cavity"], cavity(lungs, spacing, margin_mm=5, slab_mm=10))


def test_cavity_excludes_the_trachea_above_the_lungs(phantom, segmented):
    case = phantom(4)
    lungs, airway = segmented(4)
    top = np.flatnonzero(lungs.any(axis=(0, 1)))[-1]
    above = top + int(10 / case.grid.spacing_mm[2]) + 1
    assert airway[:, :, above:].any()
    masks = [
        mask_around(lungs, airway, spacing_mm=case.grid.spacing_mm, kind=kind) for kind in MASKS
    ]
    assert [bool(mask[:, :, above:].any()) for mask in masks] == [True, True, False]


@pytest.mark.parametrize(
    ("kind", "threshold", "margin_mm"), [(MASKS[0], -500, 0), (MASKS[2], -400, 9.5)]
)
def test_mask_of_a_scan_is_computed_from_its_segmentation(phantom, kind, threshold, margin_mm):
    case = phantom(2)
    spacing = case.grid.spacing_mm
    pockets = lung_pockets(air(case.hu, threshold), case.hu, spacing_mm=spacing)
    airway = trachea(pockets, case.hu, spacing_mm=spacing)
    expected = mask_around(
        pockets & ~airway, airway, spacing_mm=spacing, kind=kind, margin_mm=margin_mm
    )
    assert np.array_equal(
        lung_mask(case.hu, spacing, kind=kind, threshold=threshold, margin_mm=margin_mm), expected
    )


def test_default_mask_is_the_cavity_with_a_margin_of_4_mm(phantom, segmented):
    case = phantom(2)
    expected = cavity(segmented(2)[0], case.grid.spacing_mm, margin_mm=4.0, slab_mm=10.0)
    assert np.array_equal(lung_mask(case.hu, case.grid.spacing_mm), expected)


@pytest.mark.parametrize("kind", MASKS)
def test_volume_without_lungs_is_refused(kind):
    with pytest.raises(ValueError, match="No lungs"):
        lung_mask(np.full((20, 20, 20), 40, np.int16), (1, 1, 1), kind=kind)


def test_unknown_mask_is_refused_with_the_valid_names(segmented):
    with pytest.raises(ValueError, match=r"lungs\.mask=hull: choose recipe, closed, cavity"):
        mask_around(*segmented(2), spacing_mm=(1, 1, 1), kind="hull")


SPACINGS = st.tuples(*[st.sampled_from([0.6, 0.7, 1.0, 1.3, 2.5, 4.0])] * 3)
LAYOUT = (st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))


@st.composite
def blobs(draw, largest=24):
    """Draw a mask `(W, H, D)` of one to four boxes or balls anywhere, at the borders too."""
    shape = draw(st.tuples(st.integers(3, largest), st.integers(3, largest), st.integers(1, 9)))
    index = np.indices(shape)
    mask = np.zeros(shape, bool)
    for _ in range(draw(st.integers(1, 4))):
        center = np.array([draw(st.integers(0, n - 1)) for n in shape])
        radii = np.array(draw(st.tuples(*[st.integers(1, 6)] * 3)))
        offset = np.abs(index - center[:, None, None, None]) / radii[:, None, None, None]
        mask |= (offset.max(axis=0) < 1) if draw(st.booleans()) else ((offset**2).sum(axis=0) < 1)
    return mask


def distance_to_hull(lungs, spacing_mm, margin_mm, slab_mm):
    """Compute the distance in mm to the hull's faces, negative inside, and the perimeters by Qhull.

    The hull of a slice is that of discs around the lung voxels in it and in its neighbours: as wide
    as a ball of `margin_mm` is there, and at least a point within the slab.
    """
    angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    disc = np.column_stack([np.cos(angle), np.sin(angle)])
    width, height, depth = lungs.shape
    centers = np.indices((width, height)).reshape(2, -1).T * spacing_mm[:2]
    distance, perimeters = np.full(lungs.shape, np.inf), np.zeros(depth)
    for k in range(depth):
        points = []
        for other in range(depth):
            height = abs(other - k) * spacing_mm[2]
            if height > max(margin_mm, slab_mm) + 1e-6:
                continue
            inside = np.argwhere(lungs[:, :, other]) * spacing_mm[:2]
            # Qhull needs a positive volume, however small
            radius = np.sqrt(max(margin_mm**2 - height**2, 1e-4))
            points.append((inside[:, None] + radius * disc).reshape(-1, 2))
        points = np.concatenate(points)
        if len(points):
            hull = ConvexHull(points)
            faces = hull.equations
            inside_faces = centers @ faces[:, :2].T + faces[:, 2]
            distance[:, :, k] = inside_faces.max(axis=1).reshape(width, -1)
            perimeters[k] = hull.area
    return distance, perimeters


@settings(deadline=None, max_examples=80)
@given(blobs(), SPACINGS, st.floats(0, 8), st.floats(0, 12))
def test_cavity_is_the_hull_of_the_slab_with_its_margin(lungs, spacing, margin_mm, slab_mm):
    distance, perimeters = distance_to_hull(lungs, spacing, margin_mm, slab_mm)
    mask = cavity(lungs, spacing, margin_mm=margin_mm, slab_mm=slab_mm)
    assert mask[distance < -0.02].all()
    # a side between two directions bulges by at most this
    bulge = perimeters / 4 * np.tan(np.pi / DIRECTIONS)
    assert not mask[distance > bulge + 0.02].any()


@settings(deadline=None, max_examples=80)
@given(blobs(40), SPACINGS, st.floats(0, 8), st.floats(0, 12), *LAYOUT)
def test_cavity_contains_the_lungs_in_any_memory_order(
    laid_out, lungs, spacing, margin, slab, order, backwards
):
    expected = cavity(lungs, spacing, margin_mm=margin, slab_mm=slab)
    assert expected.dtype == bool
    assert expected[lungs].all()
    before = lungs.copy()
    mask = cavity(laid_out(lungs, order, backwards), spacing, margin_mm=margin, slab_mm=slab)
    assert np.array_equal(mask, expected)
    assert np.array_equal(lungs, before)


@settings(deadline=None, max_examples=60)
@given(
    blobs(),
    SPACINGS,
    *[st.lists(st.floats(0, 15), min_size=2, max_size=2).map(sorted)] * 2,
)
def test_cavity_grows_with_margin_and_slab(lungs, spacing, margins, slabs):
    least = cavity(lungs, spacing, margin_mm=margins[0], slab_mm=slabs[0])
    for margin, slab in ((margins[1], slabs[0]), (margins[0], slabs[1])):
        assert not (least & ~cavity(lungs, spacing, margin_mm=margin, slab_mm=slab)).any()


@settings(deadline=None, max_examples=60)
@given(blobs(), SPACINGS, st.floats(0, 8), st.floats(0, 12), st.integers(0, 2))
def test_mirrored_lungs_have_a_mirrored_cavity(lungs, spacing, margin, slab, axis):
    mirrored = cavity(np.flip(lungs, axis), spacing, margin_mm=margin, slab_mm=slab)
    assert np.array_equal(
        np.flip(mirrored, axis), cavity(lungs, spacing, margin_mm=margin, slab_mm=slab)
    )


def test_cavity_of_a_voxel_is_a_ball_of_the_margin():
    lungs = np.zeros((15, 15, 15), bool)
    lungs[7, 7, 7] = True
    expected = ndimage.distance_transform_edt(~lungs, sampling=(1.0, 2.0, 1.5)) <= 5.5
    assert np.array_equal(cavity(lungs, (1.0, 2.0, 1.5), margin_mm=5.5, slab_mm=0), expected)


def test_cavity_of_two_boxes_spans_the_space_between_them():
    lungs = np.zeros((20, 12, 3), bool)
    lungs[2:5, 3:9, 1] = lungs[14:18, 3:9, 1] = True
    expected = np.zeros_like(lungs)
    expected[2:18, 3:9, 1] = True
    assert np.array_equal(cavity(lungs, (1.0, 1.0, 1.0), margin_mm=0, slab_mm=0), expected)


def test_slab_bridges_a_slice_filled_by_a_tumour():
    lungs = np.zeros((20, 12, 9), bool)
    lungs[2:18, 3:9] = True
    lungs[9:, :, 3:6] = False
    assert not cavity(lungs, (1.0, 1.0, 2.0), margin_mm=0, slab_mm=2.0)[15, 5, 4]
    assert cavity(lungs, (1.0, 1.0, 2.0), margin_mm=0, slab_mm=4.0)[2:18, 3:9].all()
    # above the lungs it ends at the slab
    lungs[:, :, 5:] = False
    reached = cavity(lungs, (1.0, 1.0, 2.0), margin_mm=0, slab_mm=4.0).any(axis=(0, 1))
    assert reached.tolist() == [True] * 7 + [False] * 2


def test_cavity_contains_nodules_at_the_wall_of_a_phantom(phantom, segmented):
    """Balls of 30 mm at the lung's lateral side: a margin of 4 mm does not reach them."""
    case = phantom(3, "healthy")
    spacing = case.grid.spacing_mm
    lungs, _ = segmented(3, "healthy")
    index = np.indices(lungs.shape)
    for share in (0.3, 0.5, 0.7):
        k = np.flatnonzero(lungs.any(axis=(0, 1)))
        k = int(k[0] + share * (k[-1] - k[0]))
        row = int(np.argwhere(lungs[:, :, k].any(axis=0)).mean())
        wall = int(np.flatnonzero(lungs[:, row, k])[-1])
        center = (wall - 2, row, k)
        offset = [(index[axis] - center[axis]) * spacing[axis] for axis in range(3)]
        nodule = (np.square(offset).sum(axis=0) < 15**2) & case.lungs
        assert nodule[wall - 1, row, k]
        assert not dilate(lungs & ~nodule, spacing, distance_mm=4)[nodule].all()
        assert cavity(lungs & ~nodule, spacing)[nodule].all()


@pytest.mark.parametrize("seed", range(6))
def test_cavity_of_a_phantom_is_little_larger_than_lungs_and_mediastinum(phantom, segmented, seed):
    """Lungs, heart and spine fill the chest; skin and the ribs' outer sides are excluded."""
    lungs, _ = segmented(seed)
    spacing = phantom(seed).grid.spacing_mm
    mask = cavity(lungs, spacing)
    assert 1.3 < mask.sum() / lungs.sum() < 2.2
    inner, outer = np.argwhere(lungs), np.argwhere(mask)
    further = np.maximum(
        inner.min(axis=0) - outer.min(axis=0), outer.max(axis=0) - inner.max(axis=0)
    )
    assert (further * spacing <= (4.01, 4.01, 10.01)).all()


ISOTROPIC = (WORKING_SPACING_MM,) * 3


def closed_by_scipy(mask: np.ndarray, radius_mm: float, spacing_mm) -> np.ndarray:
    """Close a mask in Euclidean distance, as if it were surrounded by empty voxels."""
    reach = [int(radius_mm / mm) + 2 for mm in spacing_mm]
    padded = np.pad(mask, [(n, n) for n in reach])
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing_mm) <= radius_mm + 1e-4
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm + 1e-4
    return shrunk[tuple(slice(n, -n) for n in reach)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([0.005, 0.05, 0.5]))
def test_closing_agrees_with_scipy_on_the_working_grid(seed, steps, share):
    """The working grid coincides with the voxels if the radius is a multiple of its spacing."""
    mask = np.random.default_rng(seed).random((14, 13, 12)) < share
    mask[4:9, 5:9, 3:7] = True
    radius_mm = steps * WORKING_SPACING_MM
    expected = closed_by_scipy(mask, radius_mm, ISOTROPIC)
    assert np.array_equal(close(mask, ISOTROPIC, radius_mm=radius_mm), expected)


def test_closing_agrees_with_binary_closing_with_a_ball():
    """Second oracle: scipy's closing with the ball as structuring element."""
    mask = np.random.default_rng(1).random((20, 20, 20)) < 0.02
    offset = np.indices((9, 9, 9)) - 4
    ball = np.square(offset).sum(axis=0) <= 4**2
    expected = ndimage.binary_closing(np.pad(mask, 6), ball)[6:-6, 6:-6, 6:-6]
    assert np.array_equal(close(mask, ISOTROPIC, radius_mm=12.0), expected)
    assert expected.sum() > 2 * mask.sum()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.tuples(*[st.integers(1, 30)] * 3),
    st.tuples(*[st.sampled_from([0.6, 0.8, 1.5, 3.0, 5.0])] * 3),
    st.floats(0, 15),
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
)
def test_closing_contains_the_mask_in_any_memory_order(
    laid_out, seed, shape, spacing, radius, order, backwards
):
    mask = ndimage.uniform_filter(np.random.default_rng(seed).random(shape), 3) > 0.55
    mask[0, 0, 0] = True
    before = mask.copy()
    expected = close(mask, spacing, radius_mm=radius)
    assert expected.dtype == bool
    assert expected[mask].all()
    assert np.array_equal(
        close(laid_out(mask, order, backwards), spacing, radius_mm=radius), expected
    )
    assert np.array_equal(mask, before)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_second_closing_changes_nothing_on_the_working_grid(seed, steps):
    mask = np.random.default_rng(seed).random((14, 13, 12)) < 0.03
    mask[4:9, 5:9, 3:7] = True
    once = close(mask, ISOTROPIC, radius_mm=steps * WORKING_SPACING_MM)
    assert np.array_equal(close(once, ISOTROPIC, radius_mm=steps * WORKING_SPACING_MM), once)


def test_second_closing_changes_little_on_a_finer_grid(segmented, phantom):
    lungs, _ = segmented(2)
    spacing = phantom(2).grid.spacing_mm
    once = close(lungs, spacing, radius_mm=20)
    assert (close(once, spacing, radius_mm=20) & ~once).sum() < 0.01 * once.sum()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5), (3.0, 3.0, 5.0)])
def test_bays_narrower_than_the_ball_are_filled_and_wider_ones_stay(spacing):
    """Two bays of 24 mm depth, 24 mm square and 60 mm wide; the ball measures 40 mm."""
    shape = [int(n / mm) for n, mm in zip((180, 80, 60), spacing, strict=True)]
    x, y, z = (np.indices(shape)[axis] * spacing[axis] for axis in range(3))
    mask = (np.abs(x - 90) < 80) & (np.abs(y - 40) < 30) & (np.abs(z - 30) < 25)
    deep = y > 46
    narrow = (np.abs(x - 50) < 12) & (np.abs(z - 30) < 12) & deep & mask
    wide = (np.abs(x - 120) < 30) & deep & mask
    closed = close(mask & ~narrow & ~wide, spacing, radius_mm=20)
    # the ball enters the opening by 4 mm
    assert closed[narrow & (y < 62)].mean() > 0.99
    assert 0.8 < closed[narrow].mean() < 1
    # the ball reaches the bottom, but not the corners
    bottom = wide & (np.abs(x - 120) < 6)
    assert closed[bottom].mean() < 0.1
    # the outside does not grow
    assert not closed[~ndimage.binary_dilation(mask, iterations=2)].any()
    assert closed[~mask].sum() < 0.02 * mask.sum()


def test_bay_at_the_border_of_the_volume_is_closed_as_elsewhere():
    mask = np.zeros((30, 30, 30), bool)
    mask[4:26, 0:20] = True
    mask[12:18, 6:20, 8:22] = False
    shifted = np.roll(mask, 6, axis=1)
    assert not shifted[:, :6].any()
    closed, elsewhere = (
        close(mask, ISOTROPIC, radius_mm=20),
        close(shifted, ISOTROPIC, radius_mm=20),
    )
    assert np.array_equal(np.roll(elsewhere, -6, axis=1), closed)
    assert closed[12:18, 6:18, 8:22].all()
