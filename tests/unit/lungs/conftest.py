"""Chests made of boxes, phantoms and real scans for the tests, all in RAS+ order."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.grid import Grid, reorient
from lungcam.lungs import air, lung_pockets, trachea
from lungcam.phantom import Phantom, make_phantom


class PhantomCase(NamedTuple):
    """Volumes `(W, H, D)` of a phantom in RAS+ order, and their grid."""

    drawn: Phantom
    hu: np.ndarray
    lungs: np.ndarray
    airway: np.ndarray
    nodule: np.ndarray
    grid: Grid


@cache
def _phantom(seed: int, kind: str = "malignant", difficulty: float = 0.5) -> PhantomCase:
    drawn = make_phantom(seed, kind, difficulty=difficulty, matrix=96)
    source = Grid(drawn.hu.shape, drawn.affine)
    volumes = (drawn.hu, drawn.lungs, drawn.airway, drawn.nodule)
    reoriented = [reorient(volume, source, target=source.canonical) for volume in volumes]
    for volume in reoriented:
        volume.flags.writeable = False
    return PhantomCase(drawn, *reoriented, source.canonical)


@cache
def _segmented(
    seed: int, kind: str = "malignant", difficulty: float = 0.5
) -> tuple[np.ndarray, ...]:
    case = _phantom(seed, kind, difficulty)
    spacing_mm = case.grid.spacing_mm
    pockets = lung_pockets(air(case.hu), case.hu, spacing_mm=spacing_mm)
    airway = trachea(pockets, case.hu, spacing_mm=spacing_mm)
    return pockets & ~airway, airway


@pytest.fixture(scope="session")
def phantom():
    """Return a function of (seed, kind, difficulty) that makes a phantom in RAS+ order."""
    return _phantom


@pytest.fixture(scope="session")
def segmented():
    """Return a function of (seed, kind, difficulty) that segments a phantom's lungs and airway."""
    return _segmented


class Boxes(NamedTuple):
    """Chest made of boxes: HU, true lungs and voxel spacing."""

    hu: np.ndarray
    right: np.ndarray
    left: np.ndarray
    spacing_mm: tuple[float, float, float]

    @property
    def lungs(self) -> np.ndarray:
        return self.right | self.left

    @property
    def pockets(self) -> np.ndarray:
        return lung_pockets(air(self.hu), self.hu, spacing_mm=self.spacing_mm)


@pytest.fixture
def boxes() -> Boxes:
    """Return a body with two lungs of -850 HU and different size, in air, on a table."""
    hu = np.full((90, 70, 50), -1000, np.int16)
    hu[5:85, 10:65] = 40  # body
    hu[5:85, 4:6] = 100  # table, with air between it and the body
    left, right = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    left[12:36, 20:55, 8:42] = True
    right[50:78, 20:55, 8:42] = True
    hu[left | right] = -850
    return Boxes(hu, right, left, (3.0, 3.0, 4.0))


@pytest.fixture(scope="session")
def real_scan(sample_data):
    """Return a function of a name that reads HU and grid of a real scan, every 4th pixel of 512."""
    paths = {
        "LIDC-IDRI-0001": "lidc_idri/LIDC-IDRI-0001",
        "Lung_Dx-A0002": "lung_pet_ct_dx/Lung_Dx-A0002",
        "ct-64": "cip/ct-64.nrrd",
    }

    @cache
    def read(name: str) -> tuple[np.ndarray, Grid]:
        path = sample_data / paths[name]
        if not path.exists():
            pytest.skip(f"no {path}")
        return _read(path)

    return read


def _read(path: Path) -> tuple[np.ndarray, Grid]:
    if path.is_dir():
        (series,) = (folder for folder in path.glob("*/*") if folder.is_dir())
        image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series)))
    else:
        image = sitk.ReadImage(str(path))
    step = max(1, image.GetSize()[0] // 128)
    image = image[::step, ::step]
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    source = Grid(image.GetSize(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)
    hu = np.maximum(sitk.GetArrayFromImage(image), -1024).astype(np.int16).transpose(2, 1, 0)
    return reorient(hu, source, target=source.canonical), source.canonical
