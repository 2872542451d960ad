"""Fixtures that write small LIDC-IDRI trees."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

# mm between columns, rows and slices; LPS mm of the first pixel
SPACING = (0.5, 0.75, 2.0)
ORIGIN = (-20.0, -10.0, 100.0)
SHAPE = (40, 32, 8)
NAMES = ("subtlety", "internalStructure", "calcification", "sphericity", "margin")
NAMES += ("lobulation", "spiculation", "texture")


def _ring(x0, y0, x1, y1):
    """Return the corners of the outline around the pixels x0..x1, y0..y1 (both included)."""
    return [(x0 - 1, y0 - 1), (x1 + 1, y0 - 1), (x1 + 1, y1 + 1), (x0 - 1, y1 + 1)]


def _roi(points, z, uid="", included=True):
    """Return an outline on one slice as XML."""
    edges = "".join(
        f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points
    )
    return (
        f"<roi><imageZposition>{z} </imageZposition><imageSOP_UID>{uid}</imageSOP_UID>"
        f"<inclusion>{str(included).upper()}</inclusion>{edges}</roi>"
    )


def _mark(rois, malignancy=None, name="1", **ratings):
    """Return an unblindedReadNodule; without a malignancy, it is under 3 mm."""
    characteristics = ""
    if malignancy is not None:
        values = dict.fromkeys(NAMES, 3) | ratings | {"malignancy": malignancy}
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
        characteristics = f"<characteristics>{inner}</characteristics>"
    return (
        f"<unblindedReadNodule><noduleID>{name}</noduleID>{characteristics}{''.join(rois)}"
        "</unblindedReadNodule>"
    )


def _message(series, sessions, root="LidcReadMessage", study="1.2.3"):
    """Return an XML file; `sessions` holds a list of marks for each reader."""
    body = "".join(f"<readingSession>{''.join(marks)}</readingSession>" for marks in sessions)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="http://www.nih.gov">'
        f"<ResponseHeader><SeriesInstanceUid>{series}</SeriesInstanceUid>"
        f"<StudyInstanceUID>{study}</StudyInstanceUID></ResponseHeader>{body}</{root}>"
    )


def _series(folder: Path, uid: str, patient: str, shape=SHAPE, modality="CT") -> list[str]:
    """Write a series under shuffled names; return its SOPInstanceUIDs in order of height."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(len(uid)).permutation(shape[2])
    uids = []
    for k, name in enumerate(names):
        item = Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = CTImageStorage
        item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = f"{uid}.{k + 1}"
        item.SOPClassUID = CTImageStorage
        item.Modality = modality
        item.PatientID = patient
        item.StudyInstanceUID = "1.2.3"
        item.SeriesInstanceUID = uid
        item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        item.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + k * SPACING[2]]
        item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        item.PixelSpacing = [SPACING[1], SPACING[0]]
        item.Columns, item.Rows = shape[:2]
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit = 16, 16, 15
        item.PixelRepresentation, item.RescaleSlope, item.RescaleIntercept = 1, 1, 0
        item.PixelData = np.linspace(-1000, 400, shape[0] * shape[1]).astype(np.int16).tobytes()
        pydicom.dcmwrite(folder / f"{name:02d}", item, enforce_file_format=True)
        uids.append(item.SOPInstanceUID)
    return uids


@pytest.fixture(scope="session")
def ring():
    """Return a function of (x0, y0, x1, y1) that gives the outline around these pixels."""
    return _ring


@pytest.fixture(scope="session")
def roi():
    """Return a function of (points, z, uid, included) that gives an outline as XML."""
    return _roi


@pytest.fixture(scope="session")
def mark():
    """Return a function of (rois, malignancy, name, **ratings) that gives a mark as XML."""
    return _mark


@pytest.fixture(scope="session")
def message():
    """Return a function of (series, sessions, root, study) that gives an XML file."""
    return _message


@pytest.fixture(scope="session")
def series():
    """Return a function of (folder, uid, patient, shape, modality) that writes DICOM files."""
    return _series
