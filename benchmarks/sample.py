"""Scans for the benchmarks, public ones and phantoms, and the scripts' command line."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.phantom import make_phantom
from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.scans import Scan, read_scan

LIDC = "lidc_idri/LIDC-IDRI-0001"
LUNG_DX = "lung_pet_ct_dx/Lung_Dx-A0002"
LUNG_DX_BOXES = "lung_pet_ct_dx/annotation/A0002"
CIP, CIP_LABELS = "cip/ct-64.nrrd", "cip/lm-64.nrrd"
ALL = (LIDC, LUNG_DX, LUNG_DX_BOXES, CIP, CIP_LABELS)


def read(data: Path, name: str) -> Scan:
    """Read one of the scans.

    Args:
        data: Folder of the sample data.
        name: Path below it.

    Returns:
        The scan.

    Raises:
        InputError: It is missing or cannot be read.
    """
    return read_scan(find(data, name))


def find(data: Path, name: str) -> Path:
    """Return the path of a part of the sample data.

    Raises:
        InputError: It is missing.
    """
    if not (data / name).exists():
        raise InputError(
            f"{data / name}: not found; name the folder of the sample data with --data or "
            "LUNGCAM_SAMPLE_DATA."
        )
    return data / name


def upright(scan: Scan) -> tuple[np.ndarray, Grid]:
    """Return a scan in RAS+ order, `(W, H, D)` HU, and its grid."""
    return reorient(scan.hu, scan.grid, target=scan.grid.canonical), scan.grid.canonical


def save(scan: Scan, file: Path) -> None:
    """Save a scan for another process, with its memory layout."""
    np.savez(file, hu=scan.hu, affine=scan.grid.affine)


def load(file: Path) -> Scan:
    """Load a saved scan."""
    with np.load(file) as kept:
        hu = kept["hu"]
        return Scan(name="scan", source=file, hu=hu, grid=Grid(hu.shape, kept["affine"]))


def thinned(scan: Scan, steps: tuple[int, int, int] = (4, 4, 2)) -> Scan:
    """Take every nth voxel of a scan."""
    hu = scan.hu[tuple(slice(None, None, step) for step in steps)]
    affine = scan.grid.affine @ np.diag([*steps, 1])
    return Scan(
        name=scan.name, source=scan.source, hu=hu.copy(order="K"), grid=Grid(hu.shape, affine)
    )


def write_phantom(folder: Path, matrix: int) -> Scan:
    """Write a phantom as DICOM slices, and read it."""
    phantom = make_phantom(0, "malignant", matrix=matrix)
    series = Series(
        patient_id="phantom",
        study_uid="2.25.1",
        series_uid="2.25.2",
        frame_uid="2.25.3",
        number=1,
        description="Phantom",
        kernel="STANDARD",
        date="20000101",
    )
    write_slices(
        folder,
        series,
        hu=phantom.hu,
        affine=phantom.affine,
        sop_uid=lambda k: f"2.25.{100 + k}",
        names=[f"{k:04d}.dcm" for k in range(phantom.hu.shape[2])],
    )
    return read_scan(folder)


def data_folder(arguments: list[str] | None = None, about: str | None = None) -> Path:
    """Read `--data` from the command line."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("LUNGCAM_SAMPLE_DATA") or ROOT.parent / "shared" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(default),
        help="folder of the sample data (default: $LUNGCAM_SAMPLE_DATA or ../shared/data)",
    )
    return parser.parse_args(arguments).data


def script(section: Callable[[Path], str], about: str | None) -> None:
    """Print the section of a benchmark; exit with 2 and one line if data is missing."""
    try:
        print(section(data_folder(about=about)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
