"""Source slices of a result: their UIDs and positions, and the patient only on request."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DSfloat

from lungcam.dicom.attributes import derived_uid
from lungcam.grid import LPS_TO_RAS
from lungcam.scans import Scan

POSITION_REFERENCE = "PositionReferenceIndicator"
# attributes of type 2, which must be present but may be empty
EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    POSITION_REFERENCE,
)
# further attributes of patient and study that a result may keep (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)
KEPT = (
    "IssuerOfPatientID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)
DEIDENTIFICATION = "All attributes of patient, study and series removed except UIDs"


class SourceError(Exception):
    """Error of a scan with slices that no result can refer to; the message is for the user."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """UIDs and positions of the slices of a scan.

    Attributes:
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        frame_uid: FrameOfReferenceUID of the first slice; derived if it has none.
        shares_frame: True if all slices have this FrameOfReferenceUID.
        instance_uids: SOPInstanceUIDs, in order of the scan's last axis.
        positions: `(D, 3)` positions of the slices' first pixels in LPS mm, as in the headers.
        orientation: Six direction cosines in LPS, of growing column index and growing row index.
        pixel_spacing: Distance between rows and between columns, in mm.
        slice_spacing: Mean distance between slices, in mm.
        shape: Number of rows and of columns.
        patient: Attributes of patient and study by keyword, to be kept; empty to leave them out.
    """

    study_uid: str
    series_uid: str
    frame_uid: str
    shares_frame: bool
    instance_uids: tuple[str, ...]
    positions: np.ndarray
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, float]
    slice_spacing: float
    shape: tuple[int, int]
    patient: Mapping[str, Any] = field(default_factory=dict)

    @property
    def normal(self) -> np.ndarray:
        """Return the `(3,)` unit vector from slice to slice, in LPS."""
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        return normal / np.linalg.norm(normal)

    @property
    def max_gap_deviation_mm(self) -> float:
        """Return the largest deviation of the distance of two neighbours from the mean."""
        gaps = np.diff(self.positions @ self.normal)
        return float(np.abs(gaps - gaps.mean()).max())

    @property
    def identity(self) -> tuple[str, ...]:
        """Return what distinguishes results of these slices: with the patient they are others."""
        kept = json.dumps({name: str(value) for name, value in sorted(self.patient.items())})
        return (*self.instance_uids, kept) if self.patient else self.instance_uids

    def frames(self, volume: np.ndarray) -> np.ndarray:
        """Turn a volume `(W, H, D)` on the scan's grid into frames `(D, rows, columns)`."""
        return np.ascontiguousarray(volume.transpose(2, 1, 0))

    def headers(self) -> list[Dataset]:
        """Return the slices' headers, reduced to the attributes that a result may hold."""
        return [self._header(k) for k in range(len(self.instance_uids))]

    def _header(self, k: int) -> Dataset:
        header = Dataset()
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = self.instance_uids[k]
        header.StudyInstanceUID = self.study_uid
        header.SeriesInstanceUID = self.series_uid
        header.FrameOfReferenceUID = self.frame_uid
        header.Modality = "CT"
        header.Rows, header.Columns = self.shape
        header.PixelSpacing = decimal_strings(self.pixel_spacing)
        # many readers use the thickness as the distance between slices
        (header.SliceThickness,) = decimal_strings([self.slice_spacing])
        header.ImageOrientationPatient = decimal_strings(self.orientation)
        header.ImagePositionPatient = decimal_strings(self.positions[k])
        for keyword in EMPTY:
            setattr(header, keyword, "")
        if self.patient:
            header.update(self.patient)
        else:
            header.PatientIdentityRemoved = "YES"
            header.DeidentificationMethod = DEIDENTIFICATION
        return header


def source_of(scan: Scan, *, keep_patient: bool = False) -> Source:
    """Return the source of a scan, from the headers of its slices.

    Args:
        scan: The scan.
        keep_patient: True to keep the first slice's attributes of patient and study.

    Raises:
        SourceError: If the scan was not read from a DICOM series, or if UIDs are missing or not
            unique.
    """
    slices = scan.slices
    if not slices:
        raise SourceError(
            "No DICOM objects were written: the scan was not read from a DICOM series."
        )
    uids = tuple(header.sop_uid for header in slices)
    if not (scan.series_uid and scan.study_uid and all(uids)) or len(set(uids)) < len(uids):
        raise SourceError(
            "No DICOM objects were written: the slices lack a common StudyInstanceUID or unique "
            "SOPInstanceUIDs."
        )
    lps = LPS_TO_RAS @ scan.grid.affine
    between_columns, between_rows, between_slices = scan.grid.spacing_mm
    frame_uids = {header.frame_uid for header in slices}
    columns, rows, _ = scan.grid.shape
    return Source(
        study_uid=scan.study_uid,
        series_uid=scan.series_uid,
        frame_uid=slices[0].frame_uid or derived_uid(scan.series_uid, "frame of reference"),
        shares_frame=len(frame_uids) == 1 and frame_uids != {""},
        instance_uids=uids,
        positions=np.array([header.position for header in slices]),
        orientation=(*lps[:3, 0] / between_columns, *lps[:3, 1] / between_rows),
        pixel_spacing=(between_rows, between_columns),
        slice_spacing=between_slices,
        shape=(rows, columns),
        patient=_patient(slices[0].file) if keep_patient else {},
    )


def _patient(file: Path) -> dict[str, Any]:
    """Read the attributes of patient and study of a slice, as text without its character set."""
    header = dcmread(file, stop_before_pixels=True, specific_tags=[*EMPTY, *KEPT])
    values = {name: header[name].value for name in (*EMPTY, *KEPT) if name in header}
    return {
        name: str(value) if header[name].VR == "PN" and value is not None else value
        for name, value in values.items()
        if name != POSITION_REFERENCE
    }


def decimal_strings(values: Sequence[float]) -> list[DSfloat]:
    """Return numbers as decimal strings of at most 16 characters (PS3.5 6.2)."""
    return [DSfloat(float(value) + 0.0, auto_format=True) for value in values]
