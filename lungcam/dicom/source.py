"""The slices that a result was made from, as far as the result may tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DSfloat

from lungcam.dicom.attributes import derived_uid
from lungcam.grid import LPS_TO_RAS
from lungcam.scans import Scan

# type 2: there, and empty
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
    "PositionReferenceIndicator",
)
REMOVED = "Nothing of patient, study and series was taken but UIDs"


class NoSource(Exception):
    """A scan whose slices cannot be referred to; the message is a sentence for the user."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """UIDs and places of the slices that form a scan.

    Attributes:
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        frame_uid: FrameOfReferenceUID of the first slice; derived where it has none.
        one_frame: Whether all slices have that FrameOfReferenceUID.
        instance_uids: SOPInstanceUIDs, in order of the scan's last axis.
        positions: `(D, 3)` LPS mm of the slices' first pixels, as the headers have them.
        orientation: Six direction cosines, LPS: of growing column index, of growing row index.
        pixel_spacing: mm between rows, between columns.
        slice_spacing: mm between slices, on average.
        shape: Rows and columns.
    """

    study_uid: str
    series_uid: str
    frame_uid: str
    one_frame: bool
    instance_uids: tuple[str, ...]
    positions: np.ndarray
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, float]
    slice_spacing: float
    shape: tuple[int, int]

    @property
    def normal(self) -> np.ndarray:
        """`(3,)` unit LPS: the direction in which the slices follow each other."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        return across / np.linalg.norm(across)

    @property
    def uneven_mm(self) -> float:
        """How far the distance of two neighbours is off the mean, at most."""
        gaps = np.diff(self.positions @ self.normal)
        return float(np.abs(gaps - gaps.mean()).max())

    def frames(self, volume: np.ndarray) -> np.ndarray:
        """Turn a volume `(W, H, D)` on the scan's grid into frames `(D, rows, columns)`."""
        return np.ascontiguousarray(volume.transpose(2, 1, 0))

    def datasets(self) -> list[Dataset]:
        """The slices' headers, with nothing in them but what a result may tell."""
        return [self._dataset(k) for k in range(len(self.instance_uids))]

    def _dataset(self, k: int) -> Dataset:
        one = Dataset()
        one.SOPClassUID = CTImageStorage
        one.SOPInstanceUID = self.instance_uids[k]
        one.StudyInstanceUID = self.study_uid
        one.SeriesInstanceUID = self.series_uid
        one.FrameOfReferenceUID = self.frame_uid
        one.Modality = "CT"
        one.Rows, one.Columns = self.shape
        one.PixelSpacing = decimals(self.pixel_spacing)
        # many readers take the thickness for the distance
        (one.SliceThickness,) = decimals([self.slice_spacing])
        one.ImageOrientationPatient = decimals(self.orientation)
        one.ImagePositionPatient = decimals(self.positions[k])
        for keyword in EMPTY:
            setattr(one, keyword, "")
        one.PatientIdentityRemoved = "YES"
        one.DeidentificationMethod = REMOVED
        return one


def source_of(scan: Scan) -> Source:
    """Take from a scan's headers what a result may tell of them.

    Raises:
        NoSource: The scan was not read from a DICOM series, or its UIDs are not what they should
            be.
    """
    slices = scan.slices
    if not slices:
        raise NoSource("No DICOM objects were written: the scan was not read from a DICOM series.")
    uids = tuple(one.sop_uid for one in slices)
    if not (scan.series_uid and scan.study_uid and all(uids)) or len(set(uids)) < len(uids):
        raise NoSource(
            "No DICOM objects were written: the slices lack a StudyInstanceUID they share or a "
            "SOPInstanceUID of their own."
        )
    lps = LPS_TO_RAS @ scan.grid.affine
    between_columns, between_rows, between_slices = scan.grid.spacing_mm
    frame_uids = {one.frame_uid for one in slices}
    columns, rows, _ = scan.grid.shape
    return Source(
        study_uid=scan.study_uid,
        series_uid=scan.series_uid,
        frame_uid=slices[0].frame_uid or derived_uid(scan.series_uid, "frame of reference"),
        one_frame=len(frame_uids) == 1 and frame_uids != {""},
        instance_uids=uids,
        positions=np.array([one.position for one in slices]),
        orientation=(*lps[:3, 0] / between_columns, *lps[:3, 1] / between_rows),
        pixel_spacing=(between_rows, between_columns),
        slice_spacing=between_slices,
        shape=(rows, columns),
    )


def decimals(values: Sequence[float]) -> list[DSfloat]:
    """Numbers as decimal strings of at most 16 characters (PS3.5 6.2)."""
    return [DSfloat(float(one) + 0.0, auto_format=True) for one in values]
