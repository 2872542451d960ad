"""Fixtures: CT series in many positions, phantoms among them, and masks written for them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

from lungcam.dicom.source import EMPTY
from lungcam.masks.structure_set import STRUCTURE_SET
from lungcam.phantom.phantom import Phantom, make_phantom
from lungcam.scans import Scan, read_scan

from ..scans.conftest import hu, write_series

__all__ = ["hu", "write_series"]

TURN = Rotation.from_euler("xyz", [9, -6, 14], degrees=True).as_matrix()
# directions of rows and columns in LPS
SOURCES = {
    "axial": {},
    "columns backwards": {"row": (-1, 0, 0)},
    "rows backwards": {"column": (0, -1, 0)},
    "both backwards": {"row": (-1, 0, 0), "column": (0, -1, 0)},
    "sagittal": {"row": (0, 1, 0), "column": (0, 0, -1)},
    "oblique": {"row": tuple(TURN[0]), "column": tuple(TURN[1])},
    "oblique backwards": {"row": tuple(-TURN[0]), "column": tuple(TURN[1])},
}


@pytest.fixture
def series(write_series, hu):
    """Function of (folder, ...): write a CT series with all UIDs and read it as a crop."""

    def write_and_read(folder: Path, values: np.ndarray = hu, **settings) -> Scan:
        uids = {
            "StudyInstanceUID": generate_uid(),
            "FrameOfReferenceUID": generate_uid(),
        } | dict.fromkeys(EMPTY, "")
        write_series(folder, values, **(uids | settings))
        return read_scan(folder, whole_chest=False)

    return write_and_read


@dataclass(frozen=True, eq=False)
class Chest:
    """A phantom as a DICOM series.

    Attributes:
        phantom: The phantom, in RAS order.
        scan: Its scan as read.
    """

    phantom: Phantom
    scan: Scan


@pytest.fixture(scope="session")
def chest(tmp_path_factory) -> Chest:
    """A phantom with a malignant nodule, as a series with a frame of reference."""
    from ..scans.conftest import _write_series

    phantom = make_phantom(3, "malignant", difficulty=0.3, matrix=96)
    folder = tmp_path_factory.mktemp("chest")
    # rows run to the patient's left, columns to the back
    values = phantom.hu
    signs = np.sign(np.diag(phantom.affine)[:3]) * (-1, -1, 1)
    values = values[:: int(signs[0]), :: int(signs[1]), :: int(signs[2])]
    corner = [0 if sign > 0 else size - 1 for sign, size in zip(signs, values.shape, strict=True)]
    origin = (phantom.affine @ [*corner, 1])[:3] * (-1, -1, 1)
    _write_series(
        folder,
        values,
        spacing=phantom.spacing,
        origin=tuple(origin),
        StudyInstanceUID=generate_uid(),
        FrameOfReferenceUID=generate_uid(),
        **dict.fromkeys(EMPTY, ""),
    )
    return Chest(phantom, read_scan(folder))


def write_structure_set(
    file: Path,
    regions: dict[str, list[np.ndarray]],
    *,
    frame_uid: str = "",
    series_uid: str = "",
    kind: str = "CLOSED_PLANAR",
) -> Path:
    """Write an RTSTRUCT with contours `(n, 3)` in LPS mm by region."""
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = STRUCTURE_SET
    item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    item.SOPClassUID = STRUCTURE_SET
    item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID
    item.Modality = "RTSTRUCT"
    item.StructureSetROISequence, item.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(regions.items(), start=5):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = frame_uid
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = []
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{mm:.8g}" for mm in np.ravel(points)]
            drawn.ContourSequence.append(contour)
        item.StructureSetROISequence.append(roi)
        item.ROIContourSequence.append(drawn)
    if series_uid:
        frame, study, series = Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID = series_uid
        study.RTReferencedSeriesSequence = [series]
        frame.RTReferencedStudySequence = [study]
        item.ReferencedFrameOfReferenceSequence = [frame]
    pydicom.dcmwrite(file, item, enforce_file_format=True)
    return file
