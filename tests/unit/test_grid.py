"""Tests of voxel grids and of resampling between them."""

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.grid import Grid, reorient, resample

QUICK = settings(deadline=None, max_examples=40)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

angles = st.tuples(*[st.floats(-180, 180)] * 3)
orders = st.permutations(range(3))
signs = st.tuples(*[st.sampled_from([-1, 1])] * 3)
spacings = st.tuples(*[st.floats(0.3, 5)] * 3)
origins = st.tuples(*[st.floats(-500, 500)] * 3)


def rotation(degrees) -> np.ndarray:
    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()


def make_grid(
    shape, spacing=(1, 1, 1), degrees=(0, 0, 0), order=(0, 1, 2), sign=(1, 1, 1), origin=0
):
    """Build a grid with rotated axes, permuted by `order` and flipped by `sign`."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees)[:, list(order)] * sign * spacing
    affine[:3, 3] = origin
    return Grid(tuple(shape), affine)


def indices(shape) -> np.ndarray:
    """`(*shape, 3)` voxel indices."""
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)


def inside(source: Grid, target: Grid, margin: float) -> np.ndarray:
    """Return the target voxels at least `margin` source voxels within the outermost centres."""
    index = source.to_index(target.to_world(indices(target.shape)))
    low, high = margin, np.array(source.shape) - 1 - margin
    return ((index >= low) & (index <= high)).all(axis=-1)


@QUICK
@given(angles, orders, signs, spacings, origins, origins)
def test_world_and_index_conversions_are_inverse(degrees, order, sign, spacing, origin, point):
    grid = make_grid((5, 6, 7), spacing, degrees, order, sign, origin)
    assert grid.to_index(grid.to_world(point)) == pytest.approx(np.array(point), abs=1e-6)
    assert grid.to_world(grid.to_index(point)) == pytest.approx(np.array(point), abs=1e-6)
    assert grid.spacing_mm == pytest.approx(spacing)


def test_world_coordinates_are_those_computed_by_hand():
    affine = np.array([[0, -2.0, 0, 10], [0.5, 0, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    grid = Grid((4, 4, 4), affine)
    assert grid.to_world([2, 3, 1]).tolist() == [4, 21, 33]
    assert grid.to_world([[0, 0, 0], [0, 0.5, 0]]).tolist() == [[10, 20, 30], [9, 20, 30]]
    assert grid.spacing_mm == (0.5, 2, 3)


@QUICK
@given(angles, orders, signs, spacings, origins)
def test_canonical_grid_agrees_with_nibabel(degrees, order, sign, spacing, origin):
    grid = make_grid((3, 4, 5), spacing, degrees, order, sign, origin)
    volume = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    expected = nib.as_closest_canonical(nib.Nifti1Image(volume, grid.affine))
    assert grid.canonical.shape == expected.shape
    assert np.allclose(grid.canonical.affine, expected.affine, atol=1e-9)
    reoriented = reorient(volume, grid, target=grid.canonical)
    assert np.array_equal(reoriented, np.asanyarray(expected.dataobj))
    assert np.array_equal(reorient(reoriented, grid.canonical, target=grid), volume)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("sign", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_reoriented_voxels_keep_their_position(order, sign):
    source = make_grid((3, 4, 5), (0.7, 1.1, 2.5), (10, -5, 20), order, sign, (7, 8, 9))
    volume = np.random.default_rng(0).normal(size=source.shape)
    reoriented = reorient(volume, source, target=source.canonical)
    for index in [(0, 0, 0), (2, 3, 4), (1, 0, 3)]:
        world = source.to_world(index)
        canonical_index = tuple(np.rint(source.canonical.to_index(world)).astype(int))
        assert source.canonical.to_world(canonical_index) == pytest.approx(world, abs=1e-9)
        assert reoriented[canonical_index] == volume[index]


@st.composite
def parallel_grids(draw):
    """Draw two overlapping grids with parallel axes, in any order and direction."""
    degrees = draw(st.one_of(st.just((0, 0, 0)), angles))
    source = make_grid(
        (9, 10, 11), draw(spacings), degrees, draw(orders), draw(signs), draw(origins)
    )
    shape = draw(st.tuples(*[st.integers(3, 14)] * 3))
    target = make_grid(shape, draw(spacings), degrees, draw(orders), draw(signs))
    middle = source.to_world((np.array(source.shape) - 1) / 2)
    offset = np.array(draw(st.tuples(*[st.floats(-2, 2)] * 3)))
    affine = target.affine.copy()
    affine[:3, 3] = middle + offset - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return source, Grid(shape, affine)


def coarsening(source: Grid, target: Grid) -> np.ndarray:
    """Return the width of the target's step in source voxels, along the source's axes."""
    return np.abs(np.linalg.solve(source.affine, target.affine)[:3, :3]).max(axis=1)


@QUICK
@given(parallel_grids(), st.floats(-2000, 3000))
def test_resampled_constant_is_constant(grids, value):
    source, target = grids
    out = resample(np.full(source.shape, value, np.float32), source, target=target, outside=value)
    assert out.shape == target.shape
    assert out.dtype == np.float32
    assert np.allclose(out, value, rtol=1e-5, atol=1e-3)


@QUICK
@given(parallel_grids(), st.tuples(*[st.floats(-3, 3)] * 3))
def test_resampled_ramp_in_world_mm_is_reproduced(grids, slope):
    source, target = grids
    center = source.to_world((np.array(source.shape) - 1) / 2)
    step = coarsening(source, target)
    chosen = inside(source, target, margin=max(1.0, *step) + 1e-6)
    assume(chosen.any())
    ramp = (source.to_world(indices(source.shape)) - center) @ slope
    out = resample(ramp, source, target=target)
    expected = (target.to_world(indices(target.shape)) - center) @ slope
    # where the target is coarser, the sampled triangle's centroid strays by up to 0.09 voxel
    along = np.abs(slope @ (source.affine[:3, :3] / source.spacing_mm)) * source.spacing_mm
    tolerance = 1e-3 + 0.09 * float(along[step > 1].sum())
    assert np.abs(out - expected)[chosen].max() <= tolerance


@QUICK
@given(st.tuples(*[st.integers(1, 3)] * 3), orders, signs, angles)
def test_ramp_is_exact_if_the_target_is_coarser_by_an_integer_factor(steps, order, sign, degrees):
    source = make_grid((14, 15, 16), (0.6, 0.8, 1.5), degrees, (0, 1, 2), sign)
    linear = source.affine[:3, :3] @ np.diag(steps)
    affine = np.eye(4)
    affine[:3, :3] = linear[:, list(order)]
    affine[:3, 3] = source.to_world((3.4, 3.1, 3.7))
    target = Grid((3, 3, 3), affine)
    ramp = source.to_world(indices(source.shape)) @ (1, -2, 3)
    expected = target.to_world(indices(target.shape)) @ (1, -2, 3)
    chosen = inside(source, target, margin=max(steps))
    assert chosen.any()
    assert np.abs(resample(ramp, source, target=target) - expected)[chosen].max() < 1e-3


def to_sitk(volume: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.transpose(2, 1, 0))
    lps = LPS_TO_RAS @ grid.affine
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection((lps[:3, :3] / grid.spacing_mm).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


@QUICK
@given(parallel_grids(), st.integers(0, 10**6))
def test_resampling_agrees_with_simpleitk_if_the_target_is_not_coarser(grids, seed):
    source, target = grids
    scale = max(1.0, float(coarsening(source, target).max()))
    affine = target.affine.copy()
    affine[:3, :3] /= scale
    middle = target.to_world((np.array(target.shape) - 1) / 2)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(target.shape) - 1) / 2)
    target = Grid(target.shape, affine)
    volume = np.random.default_rng(seed).normal(size=source.shape).astype(np.float32)
    expected = sitk.Resample(
        to_sitk(volume, source),
        to_sitk(np.zeros(target.shape, np.float32), target),
        sitk.Transform(),
        sitk.sitkLinear,
        -7.0,
    )
    expected = sitk.GetArrayFromImage(expected).transpose(2, 1, 0)
    index = source.to_index(target.to_world(indices(target.shape)))
    # exactly on a face, rounding decides on which side a point lies
    off_face = (np.abs(index + 0.5) > 1e-4) & (np.abs(index - np.array(source.shape) + 0.5) > 1e-4)
    off_face = off_face.all(axis=-1)
    out = resample(volume, source, target=target, outside=-7.0)
    assert np.allclose(out[off_face], expected[off_face], atol=2e-3)


@QUICK
@given(
    parallel_grids(),
    st.integers(0, 10**6),
    st.floats(-1000, 1000),
    st.sampled_from([bool, np.uint8, np.int16, np.float32, np.float64]),
)
def test_resampling_agrees_with_explicit_weights(grids, seed, outside, kind):
    """Oracle: the triangle's weights for every pair of voxels, in a loop and in float64."""
    source, target = grids
    volume = (np.random.default_rng(seed).random(source.shape) * 100).astype(kind)
    step = np.linalg.solve(source.affine, target.affine)
    expected, margin = volume.astype(float), np.full(target.shape, np.inf)
    for axis in range(3):
        # the target's axis parallel to this axis
        target_axis = int(np.abs(step[axis, :3]).argmax())
        scale = step[axis, target_axis]
        centers = scale * np.arange(target.shape[target_axis]) + step[axis, 3]
        width = max(1.0, abs(scale))
        rows = []
        for center in centers:
            row = np.zeros(source.shape[axis])
            for voxel in range(-20, source.shape[axis] + 20):
                share = max(0.0, 1 - abs(voxel - center) / width)
                row[min(max(voxel, 0), source.shape[axis] - 1)] += share
            rows.append(row / max(row.sum(), 1e-9))
        expected = np.moveaxis(np.tensordot(rows, expected, (1, axis)), 0, axis)
        face = np.minimum(centers + 0.5, source.shape[axis] - 0.5 - centers)
        line = np.moveaxis(face.reshape(-1, 1, 1), 0, target_axis)
        margin = np.minimum(margin, line)
    order = [int(np.abs(step[:3, axis]).argmax()) for axis in range(3)]
    expected = expected.transpose(order)
    expected[margin < 0] = outside
    out = resample(volume, source, target=target, outside=outside)
    clear = np.abs(margin) > 1e-4
    assert np.allclose(out[clear], expected[clear], atol=2e-3)


@QUICK
@given(
    parallel_grids(),
    st.integers(0, 10**6),
    st.sampled_from([0.0, -1000.0]),
    orders,
    st.tuples(*[st.booleans()] * 3),
)
def test_resampling_is_the_same_for_any_memory_order(
    laid_out, grids, seed, outside, order, backwards
):
    source, target = grids
    volume = np.random.default_rng(seed).integers(-1000, 1000, source.shape).astype(np.int16)
    expected = resample(volume, source, target=target, outside=outside)
    out = resample(laid_out(volume, order, backwards), source, target=target, outside=outside)
    assert np.allclose(out, expected, atol=2e-3)


@QUICK
@given(parallel_grids(), st.integers(0, 10**6), st.data())
def test_cropped_voxels_keep_their_position(grids, seed, data):
    source, _ = grids
    box = []
    for size in source.shape:
        start = data.draw(st.integers(0, size - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, size))))
    box = tuple(box)
    cropped = source.crop(box)
    assert cropped.shape == tuple(side.stop - side.start for side in box)
    first, last = ([side.start for side in box], [side.stop - 1 for side in box])
    assert cropped.to_world([0, 0, 0]) == pytest.approx(source.to_world(first), abs=1e-6)
    end = cropped.to_world(np.array(cropped.shape) - 1)
    assert end == pytest.approx(source.to_world(last), abs=1e-6)
    volume = np.random.default_rng(seed).integers(-1000, 1000, source.shape).astype(np.int16)
    assert np.allclose(resample(volume, source, target=cropped), volume[box], atol=2e-3)
    assert np.allclose(resample(volume[box], cropped, target=cropped), volume[box], atol=2e-3)


def test_crop_does_not_change_the_grid():
    grid = make_grid((5, 6, 7), (1, 2, 3), (10, 20, 30), origin=(4, 5, 6))
    before = grid.affine.copy()
    cropped = grid.crop((slice(1, 3), slice(0, 6), slice(2, 3)))
    assert cropped.shape == (2, 6, 1)
    assert np.array_equal(grid.affine, before)
    assert cropped.spacing_mm == pytest.approx((1, 2, 3))


@QUICK
@given(
    st.tuples(*[st.integers(1, 3)] * 3),
    st.tuples(*[st.integers(8, 15)] * 3),
    st.tuples(*[st.floats(0, 1)] * 3),
)
def test_coarser_target_skips_no_voxel(steps, bright, shift):
    """A single bright voxel keeps its share of the mean at any position."""
    source = make_grid((24, 24, 24), (0.5, 0.7, 1))
    volume = np.zeros(source.shape, np.float32)
    volume[bright] = 1000
    affine = source.affine @ np.diag([*steps, 1.0])
    affine[:3, 3] = source.to_world(shift)
    out = resample(volume, source, target=Grid(tuple(24 // n for n in steps), affine))
    assert out.sum() * np.prod(steps) == pytest.approx(1000, rel=1e-4)


def test_coarser_target_averages_a_checkerboard():
    source = make_grid((32, 32, 32))
    board = (indices(source.shape).sum(axis=-1) % 2 * 1000).astype(np.int16)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    out = resample(board, source, target=Grid((16, 16, 16), affine))
    assert np.allclose(out[2:-2, 2:-2, 2:-2], 500, atol=1e-2)


def test_values_extend_to_the_face_of_the_outermost_voxels():
    source = make_grid((3, 3, 3), (2, 2, 2))
    volume = np.zeros(source.shape, np.int16)
    volume[0], volume[2] = 10, 30
    affine = np.diag([0.2, 2.0, 2.0, 1.0])
    affine[0, 3] = -1.3
    target = Grid((40, 3, 3), affine)
    x = -1.3 + 0.2 * np.arange(40)
    out = resample(volume, source, target=target, outside=-5)
    beyond = (x < -1.01) | (x > 5.01)
    assert (out[beyond] == -5).all()
    assert np.allclose(out[(x > -0.99) & (x < 0.01)], 10, atol=1e-5)
    assert np.allclose(out[(x > 3.99) & (x < 4.99)], 30, atol=1e-5)
    between = (x > 0) & (x < 2)
    assert np.allclose(out[between][:, 1, 1], 10 - 5 * x[between], atol=1e-4)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [-1, 1])
def test_target_apart_from_the_source_is_all_outside(axis, side):
    source = make_grid((4, 5, 6))
    affine = np.eye(4)
    affine[axis, 3] = 100 * side
    out = resample(np.ones(source.shape), source, target=Grid((2, 3, 4), affine), outside=-3)
    assert out.shape == (2, 3, 4)
    assert (out == -3).all()


def test_resampled_mask_is_the_share_of_its_voxels():
    source = make_grid((8, 8, 8))
    mask = np.zeros(source.shape, bool)
    mask[4:] = True
    affine = np.eye(4)
    affine[0, 3] = 0.25
    out = resample(mask, source, target=Grid((7, 8, 8), affine))
    assert out[:, 0, 0].tolist() == [0, 0, 0, 0.25, 1, 1, 1]


@QUICK
@given(
    parallel_grids(),
    st.integers(0, 10**6),
    st.tuples(*[st.integers(0, 8)] * 3),
    st.sampled_from([0.0, -1000.0]),
    orders,
    st.tuples(*[st.booleans()] * 3),
)
def test_the_box_with_all_that_is_not_outside_is_enough(
    laid_out, grids, seed, low, outside, order, backwards
):
    source, target = grids
    rng = np.random.default_rng(seed)
    high = rng.integers(np.add(low, 1), np.add(source.shape, 1)).tolist()
    box = tuple(slice(*side) for side in zip(low, high, strict=True))
    volume = np.full(source.shape, outside, np.float32)
    volume[box] = rng.integers(-1000, 1000, volume[box].shape)
    volume = laid_out(volume, order, backwards)
    expected = resample(volume, source, target=target, outside=outside)
    # to the last bit
    out = resample(volume, source, target=target, outside=outside, box=box)
    assert np.array_equal(out, expected)


def test_resampling_does_not_change_its_input():
    source = make_grid((4, 4, 4))
    volume = np.full(source.shape, 5, np.float32)
    resample(volume, source, target=make_grid((2, 2, 2), (2, 2, 2)), outside=-1)
    assert (volume == 5).all()


@pytest.mark.parametrize("degrees", [(5, 0, 0), (0, 45, 0), (1, 1, 1)])
def test_grids_oblique_to_each_other_are_refused(degrees):
    source, target = make_grid((10, 10, 10)), make_grid((10, 10, 10), degrees=degrees)
    with pytest.raises(ValueError, match="not parallel"):
        resample(np.zeros(source.shape), source, target=target)


def test_rounding_of_a_stored_affine_is_no_rotation():
    source = make_grid((64, 64, 64), (0.7, 0.7, 1.25), (3, -7, 11), origin=(-170.3, -160.1, -250))
    stored = Grid(source.shape, source.affine.astype(np.float32).astype(float))
    volume = np.random.default_rng(0).normal(size=source.shape).astype(np.float32)
    out = resample(volume, source, target=stored)
    # a shift by 1e-5 mm moves values by as little
    assert np.abs(out - volume)[1:-1, 1:-1, 1:-1].max() < 1e-2
