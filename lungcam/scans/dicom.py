"""A DICOM series: which slices, in which order, at which positions."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans.discover import is_dicom

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# only what places a slice is read: no tag that identifies a person enters the program
TAGS = [
    "Modality",
    "SeriesInstanceUID",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "RescaleSlope",
    "RescaleIntercept",
]
# without these a slice has no place in a series
PLACE = ["SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"]
LARGEST_SPACING_FAULT = 0.1  # of the spacing
SMALLEST_SERIES = 3


@dataclass(frozen=True)
class Slice:
    """One CT image of a series: its file and its header."""

    file: Path
    header: pydicom.Dataset

    @property
    def position(self) -> np.ndarray:
        """ImagePositionPatient, LPS mm."""
        return np.array(self.header.ImagePositionPatient, float)

    @property
    def orientation(self) -> np.ndarray:
        """ImageOrientationPatient, `(2, 3)`: directions of growing column and row index."""
        return np.array(self.header.ImageOrientationPatient, float).reshape(2, 3)


def find_series(folder: Path) -> tuple[dict[str, list[Slice]], list[str]]:
    """Sort a folder's CT images by series.

    Args:
        folder: Holds DICOM files directly; files of other kinds are passed over.

    Returns:
        Slices by SeriesInstanceUID, and a warning for each kind of object left aside.
    """
    series: dict[str, list[Slice]] = defaultdict(list)
    aside: dict[str, int] = defaultdict(int)
    for file in sorted(folder.iterdir()):
        if not is_dicom(file):
            continue
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
        modality = str(header.get("Modality", "unknown"))
        if modality != "CT":
            aside[modality] += 1
        elif "LOCALIZER" in header.get("ImageType", []):
            aside["localizer"] += 1
        elif any(header.get(tag) in (None, "") for tag in PLACE):
            aside["image without position"] += 1
        else:
            series[str(header.SeriesInstanceUID)].append(Slice(file, header))
    warnings = [f"{count} file(s) left aside: {kind}." for kind, count in sorted(aside.items())]
    return dict(series), warnings


def choose_series(
    folder: Path, series: dict[str, list[Slice]], wanted: str | None
) -> tuple[str, list[str]]:
    """Choose the wanted series, or the one with the most slices.

    Returns:
        The SeriesInstanceUID and warnings.

    Raises:
        InputError: There is no CT series, or not the wanted one.
    """
    if not series:
        raise InputError(f"{folder}: no CT image with a position; give a folder with a CT series.")
    if wanted is not None:
        if wanted not in series:
            raise InputError(
                f"{folder}: no series {wanted}; choose series= from {', '.join(sorted(series))}."
            )
        return wanted, []
    uid = max(sorted(series), key=lambda one: len(series[one]))
    if len(series) == 1:
        return uid, []
    return uid, [f"{len(series)} CT series in the folder: took {uid}, which has the most slices."]


def read_series(folder: Path, slices: list[Slice]) -> tuple[np.ndarray, Grid]:
    """Read a series' HU and place it by the positions of its slices.

    Slices are ordered, and their spacing taken, from ImagePositionPatient along the normal of
    ImageOrientationPatient (DICOM PS3.3 C.7.6.2): never from file names, InstanceNumber,
    SliceThickness or SpacingBetweenSlices.

    Returns:
        `(W, H, D)` int16 HU and its grid.

    Raises:
        InputError: The slices do not form one evenly spaced volume.
    """
    first = slices[0]
    for attribute in ("Rows", "Columns", "PixelSpacing"):
        if any(one.header.get(attribute) != first.header.get(attribute) for one in slices):
            raise InputError(f"{folder}: slices of different size; keep one series in a folder.")
    if any(np.abs(one.orientation - first.orientation).max() > 1e-3 for one in slices):
        raise InputError(f"{folder}: slices of different orientation; keep one series in a folder.")
    if len(slices) < SMALLEST_SERIES:
        raise InputError(
            f"{folder}: {len(slices)} slice(s) are no volume; give the folder of a whole series."
        )
    row, column = first.orientation
    normal = np.cross(row, column)
    slices = sorted(slices, key=lambda one: float(one.position @ normal))
    heights = np.array([one.position @ normal for one in slices])
    gaps = np.diff(heights)
    spacing = float(np.median(gaps))
    if not gaps.min() >= 0.01:  # NaN too
        at = int(np.argmin(gaps))
        raise InputError(
            f"{folder}: {slices[at].file.name} and {slices[at + 1].file.name} stand at the same "
            "position; remove the duplicate."
        )
    if np.abs(gaps - spacing).max() > LARGEST_SPACING_FAULT * spacing:
        at = int(np.argmax(np.abs(gaps - spacing)))
        raise InputError(
            f"{folder}: {gaps[at]:.2f} mm between {slices[at].file.name} and "
            f"{slices[at + 1].file.name}, elsewhere {spacing:.2f} mm; complete the series."
        )
    drift = slices[-1].position - slices[0].position
    if np.linalg.norm(drift - (drift @ normal) * normal) > 1.0:
        raise InputError(
            f"{folder}: the slices are sheared (gantry tilt); resample the series upright first."
        )
    spacing = float(heights[-1] - heights[0]) / (len(slices) - 1)
    between_rows, between_columns = (float(mm) for mm in first.header.PixelSpacing)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = (
        row * between_columns,
        column * between_rows,
        normal * spacing,
    )
    lps[:3, 3] = slices[0].position
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(one.file) for one in slices])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{folder}: the pixels cannot be read; copy the series again.") from error
    hu = hounsfield(sitk.GetArrayFromImage(image)).transpose(2, 1, 0)
    return hu, Grid(hu.shape, LPS_TO_RAS @ lps)


def hounsfield(values: np.ndarray) -> np.ndarray:
    """Round and clip to int16, which holds every HU a scanner gives."""
    if values.dtype == np.int16:
        return values
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(values), limits.min, limits.max).astype(np.int16)
