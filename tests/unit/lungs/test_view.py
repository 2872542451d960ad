"""Tests of the view of the lungs: grid, masked image, normalisation and faded walls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.grid import Grid, resample
from lungcam.lungs import dilate, fade_walls, lung_grid, show_masked, zero_centre

OBLIQUE = np.array([[0.96, -0.28, 0, -50], [0.28, 0.96, 0, 60], [0, 0, 1, -300], [0, 0, 0, 1]])


def oblique(shape, spacing) -> Grid:
    return Grid(shape, OBLIQUE @ np.diag([*spacing, 1.0]))


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(*[st.integers(0, 10)] * 3),
    st.tuples(*[st.integers(1, 20)] * 3),
    st.tuples(*[st.floats(0.5, 4)] * 3),
    st.tuples(*[st.integers(4, 16)] * 3),
    st.floats(0.5, 6),
)
def test_grid_contains_the_lungs_in_its_middle(low, size, spacing, shape, wanted):
    source = oblique((30, 30, 30), spacing)
    lungs = np.zeros(source.shape, bool)
    lungs[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = True
    target = lung_grid(lungs, source, shape=shape, spacing_mm=wanted)
    assert target.shape == shape
    extent = np.array(size) * spacing
    fits = (extent <= np.array(shape) * wanted + 1e-9).all()
    expected = wanted if fits else (extent / shape).max()
    assert target.spacing_mm == pytest.approx([expected] * 3)
    # the corners of the lungs' box, at the faces of its voxels, lie within the target's faces
    first, last = np.array(low) - 0.5, np.array(low) + size - 0.5
    for corner in (first, last, [first[0], last[1], first[2]]):
        index = target.to_index(source.to_world(corner))
        assert (index >= -0.5 - 1e-6).all()
        assert (index <= np.array(shape) - 0.5 + 1e-6).all()
    middle = target.to_world((np.array(shape) - 1) / 2)
    assert middle == pytest.approx(source.to_world((first + last) / 2), abs=1e-6)


def test_axes_of_the_grid_are_parallel_to_the_scans():
    source = oblique((20, 20, 20), (0.7, 0.8, 2.5))
    lungs = np.zeros(source.shape, bool)
    lungs[5:15, 5:15, 5:15] = True
    target = lung_grid(lungs, source, shape=(8, 8, 8), spacing_mm=4.0)
    assert target.affine[:3, :3] / 4 == pytest.approx(OBLIQUE[:3, :3])


def test_grid_of_a_phantom_in_ras_order_has_ras_axes(phantom):
    case = phantom(0)
    target = lung_grid(case.lungs, case.grid, shape=(72, 56, 72), spacing_mm=4.5)
    assert target.affine[:3, :3] == pytest.approx(4.5 * np.eye(3))
    seen = resample(case.lungs, case.grid, target=target)
    volume_mm3 = case.lungs.sum() * np.prod(case.grid.spacing_mm)
    assert seen.sum() * 4.5**3 == pytest.approx(volume_mm3, rel=0.01)


@pytest.fixture
def shown():
    """Return HU, lungs, mask and grid: lungs of -800 and -600, in a mask wider by 1 voxel."""
    source = Grid((20, 20, 20), np.diag([2.0, 2.0, 2.0, 1.0]))
    lungs, mask = np.zeros(source.shape, bool), np.zeros(source.shape, bool)
    lungs[6:14, 6:14, 6:14] = True
    mask[5:15, 5:15, 5:15] = True
    hu = np.full(source.shape, 50, np.int16)
    hu[lungs] = -800
    hu[6:14, 6:14, 6:10] = -600
    return hu, lungs, mask, source


def test_values_outside_the_mask_are_the_mean_of_the_lungs(shown):
    hu, lungs, mask, source = shown
    bone = hu.copy()
    bone[~mask] = 1500
    out = show_masked(bone, lungs, mask=mask, source=source, target=source)
    assert out.dtype == np.float32
    assert (out[~mask] == -700).all()
    assert np.array_equal(out[mask], hu[mask])


def test_values_outside_the_scan_are_the_mean_of_the_lungs(shown):
    hu, lungs, mask, source = shown
    far = Grid((4, 4, 4), np.array([[2.0, 0, 0, 500], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]))
    assert (show_masked(hu, lungs, mask=mask, source=source, target=far) == -700).all()


def test_metal_and_padding_are_clipped(shown):
    hu, lungs, mask, source = shown
    hu[5, 5, 5], hu[5, 5, 6] = 3071, -2000
    out = show_masked(hu, lungs, mask=mask, source=source, target=source)
    assert out[5, 5, 5] == 600
    assert out[5, 5, 6] == -1200


def test_masking_does_not_change_the_scan(shown):
    hu, lungs, mask, source = shown
    before = hu.copy()
    show_masked(hu, lungs, mask=mask, source=source, target=source)
    assert np.array_equal(hu, before)


@settings(deadline=None, max_examples=15)
@given(
    *[st.permutations(range(3))] * 2,
    *[st.tuples(*[st.booleans()] * 3)] * 2,
    st.sampled_from([3.0, 6.0]),
)
def test_masked_image_is_the_masked_volume_resampled_in_any_memory_order(
    phantom, segmented, laid_out, order, mask_order, backwards, mask_backwards, spacing_mm
):
    """The boxes that save work change nothing."""
    case, (lungs, _) = phantom(1), segmented(1)
    mask = dilate(lungs, case.grid.spacing_mm, distance_mm=4)
    target = lung_grid(lungs, case.grid, shape=(30, 25, 28), spacing_mm=spacing_mm)
    mean = round(float(case.hu[lungs].mean()))
    whole = np.where(mask, np.clip(case.hu, -1200, 600).astype(float), mean)
    expected = resample(whole, case.grid, target=target, outside=mean)
    out = show_masked(
        laid_out(case.hu, order, backwards),
        laid_out(lungs, mask_order, mask_backwards),
        mask=laid_out(mask, mask_order, mask_backwards),
        source=case.grid,
        target=target,
    )
    assert np.abs(out - expected).max() < 0.01


SPACING = (5.0, 5.0, 5.0)


@pytest.fixture
def chest():
    """Return values and lungs: two lungs of 0 in a body of 6, a nodule of 6 in a small bay."""
    lungs = np.zeros((40, 30, 30), bool)
    lungs[5:17, 5:25, 5:25] = True
    lungs[23:35, 5:25, 5:25] = True
    lungs[5:8, 13:16, 13:16] = False
    return np.where(lungs, 0.0, 6.0).astype(np.float32), lungs


@pytest.mark.parametrize("contrast", [0.0, 0.4, 1.0])
def test_nodule_keeps_its_contrast_and_the_wall_does_not(chest, contrast):
    values, lungs = chest
    values[10, 10, 10] = 5  # a vessel
    faded = fade_walls(values, lungs, spacing_mm=SPACING, contrast=contrast)
    assert faded.dtype == np.float32
    assert np.array_equal(faded[lungs], values[lungs])
    assert (faded[6:8, 13:16, 13:16] == 6).all()
    assert faded[2, 14, 14] == pytest.approx(6 * contrast)
    assert faded[20, 2, 14] == pytest.approx(6 * contrast)


def test_fading_does_not_change_its_input(chest):
    values, lungs = chest
    before = values.copy()
    fade_walls(values, lungs, spacing_mm=SPACING, contrast=0.0)
    assert np.array_equal(values, before)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(-900, 100), st.floats(1, 400))
def test_normalised_lungs_have_mean_0_and_deviation_1(seed, mean, deviation):
    rng = np.random.default_rng(seed)
    volume = rng.normal(mean, deviation, (8, 9, 10)).astype(np.float32)
    lungs = rng.random(volume.shape) < 0.4
    out = zero_centre(volume, lungs)
    assert out.dtype == np.float32
    assert out.shape == volume.shape
    assert abs(out[lungs].mean(dtype=float)) < 1e-4
    assert out[lungs].std(dtype=float) == pytest.approx(1, abs=1e-4)


def test_voxels_outside_the_lungs_are_normalised_alike():
    volume = np.array([0, 10, 20, 100], np.float32).reshape(4, 1, 1)
    lungs = np.array([True, False, True, False]).reshape(4, 1, 1)
    assert zero_centre(volume, lungs).ravel().tolist() == [-1, 0, 1, 9]


def test_empty_lungs_are_refused():
    with pytest.raises(ValueError, match="empty"):
        zero_centre(np.zeros((3, 3, 3)), np.zeros((3, 3, 3), bool))


@pytest.mark.parametrize("value", [-850, 0, 600])
def test_constant_lungs_are_refused(value):
    lungs = np.zeros((3, 3, 3), bool)
    lungs[1] = True
    volume = np.random.default_rng(0).normal(size=lungs.shape)
    volume[lungs] = value
    with pytest.raises(ValueError, match="one value"):
        zero_centre(volume, lungs)
