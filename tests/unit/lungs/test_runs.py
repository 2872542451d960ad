"""Runs of voxels: found, labelled, filled, sampled and painted as voxels are."""

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.lungs import runs as runs_module
from lungcam.lungs.runs import fill_gaps, find_runs, label_runs, paint_runs, sample_runs

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 12))
MASKS = (st.integers(0, 10**6), SHAPES, st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]))


def random_mask(seed: int, shape, share: float) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def painted(runs) -> np.ndarray:
    return paint_runs(runs, np.ones(runs.start.size, bool))


@settings(deadline=None, max_examples=80)
@given(*MASKS)
def test_painted_runs_are_the_mask_and_no_two_touch(seed, shape, share):
    mask = random_mask(seed, shape, share)
    runs = find_runs(mask)
    assert np.array_equal(painted(runs), mask)
    starts = np.diff(mask.astype(np.int8), axis=2, prepend=0) == 1
    assert runs.start.size == starts.sum()
    assert (runs.stop[:-1] < runs.start[1:]).all()


@settings(deadline=None, max_examples=40)
@given(*MASKS, st.integers(1, 60))
def test_runs_do_not_depend_on_the_number_of_voxels_read_at_once(seed, shape, share, chunk):
    mask = random_mask(seed, shape, share)
    expected = find_runs(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs_module, "CHUNK", chunk)
        runs = find_runs(mask)
    assert np.array_equal(runs.start, expected.start)
    assert np.array_equal(runs.stop, expected.stop)


@settings(deadline=None, max_examples=40)
@given(*MASKS)
def test_voxels_of_a_plane_do_not_count_if_they_are_left_out(seed, shape, share):
    mask = random_mask(seed, shape, share)
    without = random_mask(seed + 1, shape[1:], 0.3)
    assert np.array_equal(painted(find_runs(mask, without)), mask & ~without)


def same_partition(labels: np.ndarray, expected: np.ndarray) -> bool:
    """Return True if two label volumes divide the same voxels into the same components."""
    pairs = np.unique(np.column_stack([labels.ravel(), expected.ravel()]), axis=0)
    return len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


@settings(deadline=None, max_examples=150)
@given(*MASKS)
def test_components_are_those_of_cc3d_in_their_order(seed, shape, share):
    mask = random_mask(seed, shape, share)
    runs = find_runs(mask)
    labels = paint_runs(runs, label_runs(runs) + 1)
    assert np.array_equal(labels, cc3d.connected_components(mask, connectivity=6))


@settings(deadline=None, max_examples=80)
@given(*MASKS)
def test_components_within_slices_are_those_of_scipy(seed, shape, share):
    mask = random_mask(seed, shape, share)
    runs = find_runs(mask)
    labels = paint_runs(runs, label_runs(runs, across_slices=False) + 1)
    flat = np.zeros((3, 3, 3), bool)
    flat[1] = ndimage.generate_binary_structure(2, 1)
    assert same_partition(labels, ndimage.label(mask, flat)[0])


@settings(deadline=None, max_examples=150)
@given(*MASKS, st.sampled_from([1, 2, 5, np.inf]))
def test_enclosed_gaps_up_to_a_size_are_filled(seed, shape, share, largest):
    mask = random_mask(seed, shape, share)
    expected = mask.copy()
    for plane in expected:
        gaps, count = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        for label in range(1, count + 1):
            plane |= (gaps == label) & ((gaps == label).sum() <= largest)
    assert np.array_equal(painted(fill_gaps(find_runs(mask), largest)), expected)


@settings(deadline=None, max_examples=80)
@given(*MASKS, st.tuples(*[st.integers(1, 4)] * 3), st.data())
def test_sampled_runs_are_those_of_every_nth_voxel(seed, shape, share, steps, data):
    mask = random_mask(seed, shape, share)
    first = tuple(
        data.draw(st.integers(0, min(step, size) - 1))
        for step, size in zip(steps, shape, strict=True)
    )
    runs = find_runs(mask)
    values = np.arange(1, runs.start.size + 1)
    every = tuple(slice(begin, None, step) for begin, step in zip(first, steps, strict=True))
    sampled, kept = sample_runs(runs, first, steps=steps)
    expected = paint_runs(runs, values)[every]
    assert np.array_equal(paint_runs(sampled, values[kept]), expected)
