"""Tiny phantoms and crops, and the transforms that prepare them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchio as tio

from lungcam.cohorts import Cohort, Sample
from lungcam.grid import Grid
from lungcam.phantom import phantom_cohort
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    ZeroCentre,
    pipeline,
)

from ..scans.conftest import hu, write_series

__all__ = ["hu", "write_series"]


def make_transforms(margin_mm: float = 4) -> tio.Compose:
    return pipeline(
        {
            "threshold": HUThreshold(threshold=-350),
            "components": LungComponents(),
            "mask": LungMask(margin_mm=margin_mm),
            "view": LungView(shape=(24, 20, 16), spacing_mm=18),
            "normalise": ZeroCentre(),
        }
    )


@pytest.fixture(scope="session")
def transforms() -> tio.Compose:
    return make_transforms()


@pytest.fixture(scope="session")
def nodule() -> tio.Compose:
    """Transforms of the nodule view, on a small cube."""
    return pipeline({"view": NoduleView(shape=(8, 8, 8), spacing_mm=4)})


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Cohort:
    return phantom_cohort(tmp_path_factory.mktemp("phantoms"), n=4, matrix=64, workers=1)


def write_crop(file: Path, seed: int, shape=(14, 13, 6), spacing=(2.5, 2.0, 3.0)) -> Grid:
    """Write noise that depends on the seed; return its grid."""
    hu = np.random.default_rng(seed).integers(-1000, 400, shape).astype(np.int16)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = (10, 20, -30)
    grid = Grid(shape, affine)
    write_volume(file, hu, grid=grid)
    return grid


@pytest.fixture(scope="session")
def crops(tmp_path_factory) -> list[Sample]:
    """Crops of twenty people, labelled 0 and 1 in turn; the deeper half is positive."""
    folder = tmp_path_factory.mktemp("crops")
    samples = []
    for i in range(20):
        file = folder / f"crop-{i:02d}.nii.gz"
        grid = write_crop(file, i, shape=(14, 13, 4 + i % 2 * 3))
        center = tuple(float(mm) for mm in grid.to_world((np.array(grid.shape) - 1) / 2))
        samples.append(
            Sample(
                sample_id=f"crop-{i:02d}",
                patient_id=f"person-{i:02d}",
                image=file,
                label=i % 2,
                label_source=f"row {i}",
                series_uid=f"1.2.{i}",
                center_mm=center,
                diameter_mm=5.0 + i,
            )
        )
    return samples


@pytest.fixture(scope="session")
def outlined(crops, tmp_path_factory) -> list[Sample]:
    """Crops, most with a mask of their lesion, and with a feature that some lack."""
    folder = tmp_path_factory.mktemp("masks")
    samples = []
    for i, crop in enumerate(crops):
        grid = read_scan(crop.image, whole_chest=False).grid
        mask = np.zeros(grid.shape, bool)
        mask[5:9, 4:9, 1:3] = True
        file = folder / f"{crop.sample_id}.nii.gz"
        write_volume(file, mask, grid=grid)
        features = {"margin": float(i % 5)} if i % 3 else {}
        mask_file = file if i % 4 else None
        samples.append(replace(crop, lesion_mask=mask_file, lesion_checked=True, features=features))
    return samples


@pytest.fixture
def two_series(tmp_path, write_series, hu) -> tuple[Path, str, Grid]:
    """Folder with two series of different geometry, and UID and grid of the smaller one."""
    folder, shape = tmp_path / "scan", (7, 8, 6)
    write_series(folder, hu, uid="1.2.1")
    uid, affine, files = write_series(
        tmp_path / "other",
        hu[2:9, :8, :6],
        spacing=(5, 6, 7),
        origin=(-40, 30, 50),
        uid="1.2.2",
    )
    for file in files:
        file.rename(folder / f"other-{file.name}")
    return folder, uid, Grid(shape, affine)
