"""Tests of a phantom: its tissues in HU, its geometry in mm."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungcam.errors import InputError
from lungcam.phantom import Phantom, make_phantom


@cache
def phantom(seed: int, kind: str = "malignant", matrix: int = 96) -> Phantom:
    return make_phantom(seed, kind, matrix=matrix)


def voxel_volume(p: Phantom) -> float:
    return float(np.prod(p.spacing))


def lung_regions(p: Phantom) -> tuple[int, int]:
    """Return the labels of the largest air region in the right and in the left lung."""
    air = p.hu < -350
    regions, _ = ndimage.label(air)
    middle = p.hu.shape[0] // 2
    inside = np.where(p.lungs, regions, 0)
    sides = inside[:middle], inside[middle:]
    return tuple(int(np.bincount(side[side > 0]).argmax()) for side in sides)


def test_same_arguments_give_the_same_voxels():
    first, second = (make_phantom(3, "malignant", matrix=64) for _ in range(2))
    assert first.hu.dtype == np.int16
    assert np.array_equal(first.hu, second.hu)
    assert np.array_equal(first.nodule, second.nodule)
    assert np.array_equal(first.affine, second.affine)
    assert first.center_mm == second.center_mm


@pytest.mark.parametrize("change", [{"seed": 4}, {"kind": "benign"}, {"difficulty": 0.6}])
def test_other_arguments_give_other_voxels(change):
    settings = {"seed": 3, "kind": "malignant", "matrix": 64}
    first, second = make_phantom(**settings), make_phantom(**settings | change)
    assert first.hu.shape != second.hu.shape or not np.array_equal(first.hu, second.hu)


@pytest.mark.parametrize("seed", range(4))
def test_tissues_have_plausible_hu(seed):
    p = phantom(seed, "healthy")
    deep = ndimage.binary_erosion(p.lungs, iterations=2)
    assert -910 < np.median(p.hu[deep]) < -780
    assert np.median(p.hu[ndimage.binary_erosion(p.airway)]) < -900
    assert 300 < np.percentile(p.hu, 99.9) < 1000
    assert p.hu[0, 0, 0] in (-1024, -2000)
    assert (p.hu[0, :20] == p.hu[0, 0, 0]).all()
    # the belly below the lungs is soft tissue
    middle = p.hu.shape[0] // 2
    assert -150 < np.median(p.hu[middle - 15 : middle + 15, middle - 5 : middle + 5, 0]) < 150


@pytest.mark.parametrize("seed", range(6))
def test_there_are_two_lungs_of_plausible_size(seed):
    p = phantom(seed, "healthy")
    litres = p.lungs.sum() * voxel_volume(p) / 1e6
    assert 2.5 < litres < 6
    _, n = ndimage.label(ndimage.binary_opening(p.lungs))
    assert n == 2
    for axis in range(3):
        assert not p.lungs.take([0, -1], axis).any()
    middle = p.lungs.shape[0] // 2
    # columns grow to the left, where the heart is
    assert p.lungs[:middle].sum() > p.lungs[middle:].sum()


def test_the_spine_is_behind_and_the_neck_above():
    p = phantom(1, "healthy")
    bone_rows = np.argwhere((p.hu > 300) & (np.abs(np.arange(96) - 47.5) < 6)[:, None, None])[:, 1]
    assert np.median(bone_rows) > 96 * 0.55
    # a row further is further back, a slice further is nearer to the head
    assert p.affine[0, 0] < 0
    assert p.affine[1, 1] < 0
    assert p.affine[2, 2] > 0
    width = p.lungs.any(axis=1).sum(axis=0)
    slices = np.flatnonzero(width)
    assert width[slices[-3]] < 0.8 * width[slices[len(slices) // 3]]


def test_airways_join_the_lungs_in_some_phantoms_only():
    joined = {}
    for seed in range(12):
        right, left = lung_regions(phantom(seed, "healthy"))
        joined[seed] = right == left
    assert 6 <= sum(joined.values()) <= 11
    apart = phantom(next(seed for seed, both in joined.items() if not both), "healthy")
    regions, _ = ndimage.label(apart.hu < -350)
    outside = regions[0, 48, 0]
    assert outside not in lung_regions(apart)


@pytest.mark.parametrize("seed", range(8))
def test_a_malignant_mask_has_the_drawn_volume(seed):
    p = phantom(seed, "malignant")
    assert 15 <= p.diameter_mm <= 30
    drawn = np.pi / 6 * p.diameter_mm**3
    assert p.nodule.sum() * voxel_volume(p) == pytest.approx(drawn, rel=0.2)
    assert (p.nodule & ~p.lungs).sum() == 0
    assert p.label == 1


@pytest.mark.parametrize("seed", range(8))
def test_benign_nodules_are_small_and_never_empty(seed):
    p = phantom(seed, "benign")
    assert 4 <= p.diameter_mm <= 9
    assert p.nodule.any()
    bound = np.pi / 6 * (p.diameter_mm + max(p.spacing)) ** 3
    assert p.nodule.sum() * voxel_volume(p) < 1.3 * bound
    assert p.label == 0


def test_a_healthy_phantom_has_no_nodule():
    p = phantom(0, "healthy")
    assert not p.nodule.any()
    assert (p.center_mm, p.diameter_mm, p.pleural, p.label) == (None, 0.0, False, 0)


def test_the_center_is_inside_the_box_of_the_mask():
    for seed in range(8):
        for kind in ("malignant", "benign"):
            p = phantom(seed, kind)
            voxel = np.linalg.inv(p.affine) @ [*p.center_mm, 1]
            inside = np.argwhere(p.nodule)
            assert (voxel[:3] >= inside.min(axis=0) - 1e-6).all()
            assert (voxel[:3] <= inside.max(axis=0) + 1e-6).all()


def test_pleural_nodules_touch_what_is_not_lung():
    attachments = set()
    for seed in range(24):
        p = phantom(seed, "malignant")
        attachments.add(p.attachment)
        near = ndimage.binary_dilation(p.nodule, iterations=1)
        assert bool((near & ~p.lungs).any()) == p.pleural
    assert {"none", "wall"} < attachments


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["malignant", "benign"]),
    difficulty=st.floats(0, 1),
)
def test_the_world_center_is_in_the_nodule(seed, kind, difficulty):
    p = make_phantom(seed, kind, difficulty=difficulty, matrix=64)
    voxel = np.linalg.inv(p.affine) @ [*p.center_mm, 1]
    i, j, k = np.rint(voxel[:3]).astype(int)
    assert p.nodule[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].any()
    assert p.lungs[p.nodule].all()


@pytest.mark.parametrize(
    ("change", "name"),
    [({"difficulty": 1.5}, "difficulty"), ({"matrix": 32}, "matrix"), ({"kind": "ill"}, "kind")],
)
def test_impossible_settings_are_named(change, name):
    with pytest.raises(InputError, match=rf"{name}.*set it"):
        make_phantom(**{"seed": 0, "kind": "benign"} | change)
