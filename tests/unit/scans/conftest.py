"""Scans that the tests write themselves."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def hu():
    """`(W, H, D)` int16 HU with air and tissue, no two sides alike, no voxel like its mirror."""
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
    """Write a CT series, one file a slice, under names in no order.

    Args:
        folder: Is made if need be.
        hu: `(W, H, D)`.
        spacing: In mm along W, H and D.
        row: LPS direction of growing W.
        column: LPS direction of growing H.
        origin: LPS mm of voxel 0.
        rescale: Slope and intercept, by turns over the slices.
        uid: SeriesInstanceUID.
        seed: Of the names.
        shear: LPS mm added from slice to slice.
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
        # what readers trust and should not: neither order nor spacing
        item.InstanceNumber = int(name) + 1
        item.SliceThickness = 9
        item.SpacingBetweenSlices = 8
        place = np.array(origin) + k * (normal * spacing[2] + np.array(shear))
        item.ImagePositionPatient = [f"{mm:.8g}" for mm in place]
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
    """Function of (folder, hu, ...) that writes a CT series."""
    return _write_series


@pytest.fixture
def edit():
    """Function of (file, **attributes) that sets attributes of a DICOM file; None removes one."""
    return _edit


def _plant(file: Path, attribute: str, text: str) -> None:
    item = pydicom.dcmread(file)
    number = "77777777"
    setattr(item, attribute, [number] * 6)
    item.save_as(file)
    content, old = file.read_bytes(), "\\".join([number] * 6).encode()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, text.encode().ljust(len(old))))


@pytest.fixture
def plant():
    """Function of (file, attribute, text) that writes any text as a decimal attribute's value."""
    return _plant
