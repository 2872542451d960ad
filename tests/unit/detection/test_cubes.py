"""Cubes that a detector learns from: planted nodules are where the target says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from lungcam.cohorts import Sample, ScanNodule
from lungcam.detection import cubes
from lungcam.detection.crops import Crop, cut_crops, place
from lungcam.detection.cubes import CROP, LUNG, PIECE, PLANTED, SIZE, CubeMaker, cut, plant
from lungcam.detection.host import NODULE, NOTHING, UNSURE, make_host
from lungcam.detection.pyramid import Level
from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.scans import Scan


def ball(shape, middle, radius, spacing=(1, 1, 1)) -> np.ndarray:
    index = np.moveaxis(np.indices(shape), 0, -1)
    return np.linalg.norm((index - middle) * spacing, axis=-1) <= radius


@pytest.fixture(scope="module")
def crop() -> Crop:
    """A dense ball of 8 mm in slices of 2 mm."""
    shape, spacing = (30, 30, 12), (1.0, 1.0, 2.0)
    nodule = ball(shape, (14, 15, 6), 4, spacing)
    hu = np.where(nodule, 100.0, -850.0).astype(np.float32)
    return Crop(
        sample_id="a",
        patient_id="a",
        hu=hu,
        nodule=nodule.astype(np.float32),
        spacing_mm=np.array(spacing),
        diameter_mm=8.0,
    )


@pytest.fixture(scope="module")
def host():
    """Lungs of noise with a nodule of 10 mm, at all spacings."""
    rng = np.random.default_rng(0)
    levels = []
    for spacing in (1, 2, 4, 8):
        shape = (96 // spacing,) * 3
        affine = np.diag([spacing] * 3 + [1.0]).astype(float)
        hu = rng.normal(-850, 20, shape).astype(np.int16)
        hu[ball(shape, np.array((60, 60, 60)) / spacing, 5 / spacing)] = 50
        levels.append(Level(hu=hu, searched=np.ones(shape, bool), grid=Grid(shape, affine)))
    nodule = ScanNodule((60.0, 60.0, 60.0), 10.0, counts=True)
    sample = Sample(
        sample_id="h", patient_id="h", image="h", label=1, label_source="", nodules=(nodule,)
    )
    return make_host([sample], levels, slice_mm=1.0)


def test_a_lesion_is_a_nodule_where_it_has_the_levels_size(host):
    kinds = [set(np.unique(truth)) for truth in host.truth]
    # 10, 5, 2.5 and 1.25 voxels wide
    assert [NODULE in kind for kind in kinds] == [True, True, False, False]
    assert all(UNSURE in kind for kind in kinds)
    # no place to learn lungs from is in the lesion, nor one that looks like a nodule
    for truth, places, hard in zip(host.truth, host.places, host.hard, strict=True):
        assert (truth[tuple(places.T)] == NOTHING).all()
        assert (truth[tuple(hard.T)] == NOTHING).all()


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_crop_is_placed_with_its_nodule_where_it_is_asked_for(crop, axes):
    middle = np.array([18.0, 22.5, 20.25])
    placed = place(crop, pitch_mm=0.8, middle=middle, size=SIZE, axes=axes, signs=(1, -1, 1))
    assert np.allclose(center_of_mass(placed.nodule), middle, atol=0.3)
    assert np.allclose(center_of_mass(placed.hu + 850), middle, atol=0.3)
    volume_mm3 = placed.nodule.sum() * 0.8**3
    assert volume_mm3 == pytest.approx(crop.nodule.sum() * 2, rel=0.1)
    # slices of 2 mm: along them the crop ends after 6.5 of them
    assert placed.depth.max() > 0 > placed.depth.min()


def test_what_is_planted_stays_within_the_outline(crop):
    placed = place(crop, pitch_mm=1.0, middle=np.full(3, 20.0), size=SIZE)
    hu = np.full((SIZE,) * 3, -850.0)
    hu[:, :, 18:22] = 60  # a wall
    planted = plant(hu, placed.hu, placed=placed)
    assert planted[20, 20, 20] == pytest.approx(100, abs=1)
    far = np.linalg.norm(np.moveaxis(np.indices(hu.shape), 0, -1) - 20, axis=-1) > 9
    assert np.array_equal(planted[far], hu[far])
    # no dark rim in the wall
    assert planted[:, :, 20].min() >= 60 - 1e-3


@pytest.mark.parametrize("kind", [PLANTED, CROP, LUNG, PIECE])
def test_targets_lie_in_bright_nodules(crop, host, kind, monkeypatch):
    monkeypatch.setattr(cubes, "KINDS", {kind: 1.0})
    monkeypatch.setattr(cubes, "LEVELS", (1.0,))
    maker = CubeMaker([crop], [host])
    targets = 0
    for seed in range(12):
        cube = maker.make(np.random.default_rng(seed))
        assert cube.hu.shape == (SIZE,) * 3
        assert cube.target.shape == cube.used.shape == (SIZE // 2,) * 3
        positive = (cube.target > 0) & cube.used
        targets += positive.any()
        if positive.any():
            cells = cube.hu.reshape(SIZE // 2, 2, SIZE // 2, 2, SIZE // 2, 2).mean((1, 3, 5))
            assert cells[positive].mean() > -300
    assert (targets >= 11) == (kind in (PLANTED, CROP))
    assert kind != PIECE or targets <= 4


def test_equal_seeds_make_equal_cubes(crop, host):
    maker = CubeMaker([crop], [host])
    first, second, other = (maker.make(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.hu, second.hu)
    assert not np.array_equal(first.hu, other.hu)


def test_a_cut_beyond_the_volume_is_filled():
    volume = np.arange(27).reshape(3, 3, 3)
    cube = cut(volume, np.array([-1, 0, 2]), size=3, fill=-5)
    assert (cube[0] == -5).all()
    assert (cube[:, :, 1:] == -5).all()
    assert np.array_equal(cube[1:, :, 0], volume[:2, :, 2])


def test_findings_that_do_not_count_are_neither_nodules_nor_none():
    shape = (64, 64, 64)
    level = Level(
        hu=np.full(shape, -850, np.int16),
        searched=np.ones(shape, bool),
        grid=Grid(shape, np.eye(4)),
    )
    nodules = (
        ScanNodule((16.0, 16.0, 16.0), 6.0, counts=True),
        ScanNodule((46.0, 46.0, 46.0), 6.0, counts=False),
    )
    sample = Sample(
        sample_id="h", patient_id="h", image="h", label=1, label_source="", nodules=nodules
    )
    (truth,) = make_host([sample], [level], slice_mm=1.0).truth
    assert truth[16, 16, 16] == NODULE
    assert truth[46, 46, 46] == UNSURE
    assert (truth[30:, 30:, 30:] != NODULE).all()


def test_nodules_are_cut_out_of_a_scan_with_their_surroundings():
    affine = np.diag([-1.0, -1, 2, 1])
    affine[:3, 3] = (40, 30, -20)
    grid = Grid((80, 80, 40), affine)
    # counted from the first one: another nearby, one that does not count, and one at the edge
    centers = [(0.0, 0.0, 20.0), (11.0, 0.0, 20.0), (0.0, -25.0, 20.0), (-37.0, 25.0, 20.0)]
    nodules = tuple(
        ScanNodule(center, 8.0, counts=number != 2) for number, center in enumerate(centers)
    )
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    hu = np.full(grid.shape, -850, np.int16)
    for number, center in enumerate(centers):
        hu[np.linalg.norm(points - center, axis=-1) <= 4] = 10 * number
    scan = Scan(
        name="s", source=Path("s"), hu=hu, grid=grid, series_uid=None, study_uid=None,
        frame_uid=None, check=ScanCheck("s"), slices=(),
    )  # fmt: skip
    sample = Sample(
        sample_id="s", patient_id="p", image="s", label=1, label_source="", nodules=nodules
    )
    # the two that are near each other have 7 mm at most: 3 around the nodule, which is too little
    crops = cut_crops(sample, scan)
    assert [crop.sample_id for crop in crops] == ["s_3"]
    (crop,) = crops
    assert (crop.hu[crop.nodule > 0] == 30).all()
    # all voxels of the ball, which the edge of the scan cuts
    assert crop.nodule.sum() == (hu == 30).sum()
    # 18 mm to each side, and no farther than the scan
    assert crop.hu.shape == (21, 24, 19)
    lonely = replace(sample, nodules=nodules[:1])
    (crop,) = cut_crops(lonely, scan)
    assert np.allclose(
        crop.center * crop.spacing_mm, np.array(crop.hu.shape) / 2 * crop.spacing_mm, atol=2
    )
