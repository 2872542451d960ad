"""Fixtures that write and edit scans."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def hu():
    """Return `(W, H, D)` int16 HU with air and tissue, without any symmetry."""
    volume = np.random.default_rng(0).integers(-1000, 400, (12, 11, 10)).astype(np.int16)
    volume[0] = -1000
    return volume


def _write_series(
    folder: Path,
    hu: np.ndarray,
    spacing=(9, 9.5, 11),
    row=(1, 0, 0),
    column=(0, 1, 0),
    origin=(-120.5, -98.25, 31.0),
    rescale=((1, -1024),),
    uid: str | None = None,
    seed: int = 0,
    shear=(0, 0, 0),
    **attributes,
) -> tuple[str, np.ndarray, list[Path]]:
    """Write a CT series, one file per slice, with names in random order.

    Args:
        folder: Folder, created if necessary.
        hu: `(W, H, D)` HU.
        spacing: Spacing in mm along W, H and D.
        row: LPS direction of growing W.
        column: LPS direction of growing H.
        origin: Position of voxel 0 in LPS mm.
        rescale: Slopes and intercepts, used in turn for the slices.
        uid: SeriesInstanceUID.
        seed: Random seed of the names.
        shear: Offset in LPS mm added from slice to slice.
        **attributes: DICOM attributes to set; None removes one.

    Returns:
        The UID, the RAS affine of `hu`, and the files in order of position.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    names = np.random.default_rng(seed).permutation(hu.shape[2])
    row, column = np.array(row, float), np.array(column, float)
    normal = np.cross(row, column)
    files = []
    for k, name in enumerate(names):
        slope, intercept = rescale[k % len(rescale)]
        stored = np.rint((hu[:, :, k].T.astype(float) - intercept) / slope).astype(np.int16)
        item = Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = CTImageStorage
        item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        item.SOPClassUID = CTImageStorage
        item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID
        item.Modality = "CT"
        item.SeriesInstanceUID = uid
        item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        # wrong values of attributes that must not decide on order and spacing
        item.InstanceNumber = int(name) + 1
        item.SliceThickness = 9
        item.SpacingBetweenSlices = 8
        position = np.array(origin) + k * (normal * spacing[2] + np.array(shear))
        item.ImagePositionPatient = [f"{mm:.8g}" for mm in position]
        item.ImageOrientationPatient = [f"{x:.10f}" for x in (*row, *column)]
        item.PixelSpacing = [spacing[1], spacing[0]]
        item.Columns, item.Rows = hu.shape[:2]
        item.SamplesPerPixel = 1
        item.PhotometricInterpretation = "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit = 16, 16, 15
        item.PixelRepresentation = 1
        item.RescaleSlope, item.RescaleIntercept = slope, intercept
        item.PixelData = stored.tobytes()
        for attribute, value in attributes.items():
            if value is None:
                delattr(item, attribute)
            else:
                setattr(item, attribute, value)
        file = folder / f"image{name:03d}"
        pydicom.dcmwrite(file, item, enforce_file_format=True)
        files.append(file)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1] = row * spacing[0], column * spacing[1]
    lps[:3, 2] = normal * spacing[2]
    lps[:3, 3] = origin
    return uid, LPS_TO_RAS @ lps, files


def _edit(file: Path, **attributes) -> None:
    item = pydicom.dcmread(file)
    for attribute, value in attributes.items():
        if value is None:
            delattr(item, attribute)
        else:
            setattr(item, attribute, value)
    item.save_as(file)


@pytest.fixture
def write_series():
    """Return a function of (folder, hu, ...) that writes a CT series."""
    return _write_series


@pytest.fixture
def edit():
    """Return a function of (file, **attributes) that sets DICOM attributes; None removes one."""
    return _edit


def _write_text_value(file: Path, attribute: str, text: str) -> None:
    item = pydicom.dcmread(file)
    number = "77777777"
    setattr(item, attribute, [number] * 6)
    item.save_as(file)
    content, old = file.read_bytes(), "\\".join([number] * 6).encode()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, text.encode().ljust(len(old))))


@pytest.fixture
def write_text_value():
    """Return a function of (file, attribute, text) that stores any text in a decimal attribute."""
    return _write_text_value
