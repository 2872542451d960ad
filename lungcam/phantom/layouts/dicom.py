"""DICOM: a phantom's slices as CT Image Storage (PS3.3 A.3), and a screening exam as in NLST."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungcam.phantom.layouts.layout import Subject
from lungcam.runtime.atomic import atomic_write

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
INTERCEPT = -1024
YEARS = (1999, 2000, 2001)  # fictitious years of T0, T1 and T2
THICK_MM = 5.0
SHARP, SOFT = "LUNG", "STANDARD"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Header values that all files of a series share.

    Attributes:
        patient_id: PatientID of the phantom.
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        frame_uid: FrameOfReferenceUID.
        number: SeriesNumber.
        description: SeriesDescription.
        kernel: ConvolutionKernel.
        date: StudyDate, a fictitious one.
        timepoint: ClinicalTrialTimePointID, such as T0.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    frame_uid: str
    number: int
    description: str
    kernel: str
    date: str
    timepoint: str = ""


def write_exam(
    out: Path,
    pid: str,
    *,
    subject: Subject,
    hu: np.ndarray,
    affine: np.ndarray,
    year: int,
    thick: bool = True,
) -> Path:
    """Write the exam of a study year: a localizer and one or two reconstructions.

    Args:
        out: Root of the tree.
        pid: Number of the participant.
        subject: Phantom person.
        hu: Scan, int16 of shape `(W, H, D)`.
        affine: Affine `(4, 4)` of the scan to RAS mm.
        year: Study year, from 0.
        thick: True to write a thick reconstruction in addition to the thin one.

    Returns:
        Folder of the thin reconstruction below `out`.
    """
    study = f"T{year}"
    exam = Path("NLST", pid, f"01-02-{YEARS[year]}-NLST-LSS-{subject.number('study', study):05d}")
    series_of = partial(_exam_series, subject, pid=pid, year=year, field_mm=-affine[0, 0] * len(hu))
    localizer = series_of("localizer", number=1)
    write_localizer(
        out / exam / _folder_name(localizer, subject.number(study, "localizer")),
        localizer,
        hu=hu,
        affine=affine,
        sop_uid=subject.uid(study, "localizer", 0),
        name="1-001.dcm",
    )
    reconstructions = [("thin", SHARP, hu, affine)]
    if thick:
        reconstructions.append(("thick", SOFT, *_averaged(hu, affine)))
    folders = []
    for number, (name, kernel, volume, volume_affine) in enumerate(reconstructions, start=2):
        series = series_of(name, number=number, kernel=kernel, thickness=volume_affine[2, 2])
        folders.append(exam / _folder_name(series, subject.number(study, name)))
        write_slices(
            out / folders[-1],
            series,
            hu=volume,
            affine=volume_affine,
            sop_uid=partial(subject.uid, study, name),
            names=[f"1-{k + 1:03d}.dcm" for k in range(volume.shape[2])],
        )
    return folders[0]


def _exam_series(
    subject: Subject,
    name: str,
    *,
    number: int,
    pid: str,
    year: int,
    field_mm: float,
    kernel: str = "",
    thickness: float = 0.0,
) -> Series:
    """Return the header values of an exam's series; a localizer has no kernel."""
    study = f"T{year}"
    words = ["0", "OPA", "PHANTOM", *filter(None, (kernel,)), f"{field_mm:.0f}"]
    words += [f"{thickness:g}", "120", "40"] if kernel else ["LOCALIZER"]
    return Series(
        patient_id=pid,
        study_uid=subject.uid("study", study),
        series_uid=subject.uid(study, name),
        frame_uid=subject.uid("frame", study),
        number=number,
        description=",".join(words),
        kernel=kernel,
        date=f"{YEARS[year]}0102",
        timepoint=study,
    )


def _folder_name(series: Series, digits: int) -> str:
    """Return the name of a series' folder as in downloads from TCIA."""
    return f"{series.number}.000000-{series.description.replace(',', '')}-{digits:05d}"


def write_slices(
    folder: Path,
    series: Series,
    *,
    hu: np.ndarray,
    affine: np.ndarray,
    sop_uid: Callable[[int], str],
    names: Sequence[str],
) -> None:
    """Write a volume as axial slices, each file atomically.

    Instances are numbered from the head down.

    Args:
        folder: Folder of the series.
        series: Shared header values.
        hu: Volume, int16 of shape `(W, H, D)`; the value of the first voxel is the padding.
        affine: Diagonal affine `(4, 4)`; columns grow to the left, rows to the back, slices to the
            head, as in `Phantom`.
        sop_uid: SOPInstanceUID by slice.
        names: File name by slice.
    """
    dataset = _common(series, hu[:, :, 0])
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ConvolutionKernel = series.kernel
    dataset.SliceThickness = _decimal(affine[2, 2])
    dataset.PixelSpacing = [_decimal(-affine[1, 1]), _decimal(-affine[0, 0])]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.PixelPaddingValue = int(hu[0, 0, 0]) - INTERCEPT
    for k, name in enumerate(names):
        position = RAS_TO_LPS * (affine[:3, 3] + k * affine[:3, 2])
        dataset.ImagePositionPatient = [_decimal(value) for value in position]
        dataset.SliceLocation = _decimal(position[2])
        _write(folder / name, dataset, uid=sop_uid(k), number=len(names) - k, hu=hu[:, :, k])


def write_localizer(
    folder: Path,
    series: Series,
    *,
    hu: np.ndarray,
    affine: np.ndarray,
    sop_uid: str,
    name: str,
) -> None:
    """Write a localizer: a view from the front, the mean HU along each ray.

    Args:
        folder: Folder of the series.
        series: Header values.
        hu: Volume, int16 of shape `(W, H, D)`, as in `write_slices`.
        affine: Affine `(4, 4)`, as in `write_slices`.
        sop_uid: SOPInstanceUID.
        name: File name.
    """
    view = np.rint(np.maximum(hu, INTERCEPT).mean(axis=1)).astype(np.int16)[:, ::-1]
    dataset = _common(series, view)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.PixelSpacing = [_decimal(affine[2, 2]), _decimal(-affine[0, 0])]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    top = affine @ [0, (hu.shape[1] - 1) / 2, hu.shape[2] - 1, 1]
    dataset.ImagePositionPatient = [_decimal(value) for value in RAS_TO_LPS * top[:3]]
    _write(folder / name, dataset, uid=sop_uid, number=1, hu=view)


def _averaged(hu: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means over `THICK_MM`, at least two slices, with their affine."""
    count = max(2, math.ceil(THICK_MM / affine[2, 2]))
    slices = hu.shape[2] // count
    groups = hu[:, :, : slices * count].reshape(*hu.shape[:2], slices, count)
    coarse = affine.copy()
    coarse[2, 2] *= count
    coarse[2, 3] += (count - 1) / 2 * affine[2, 2]
    return np.rint(groups.mean(axis=3)).astype(np.int16), coarse


def _common(series: Series, pixels: np.ndarray) -> FileDataset:
    """Return the header that all files share; `pixels` has the shape `(W, H)`."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = CTImageStorage
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = series.date
    dataset.StudyTime = dataset.ContentTime = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.Modality = "CT"
    dataset.Manufacturer = "lungcam phantom"
    dataset.ReferringPhysicianName = ""
    dataset.SeriesDescription = series.description
    dataset.PatientName = dataset.PatientID = series.patient_id
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Synthetic phantom, no patient"
    if series.timepoint:
        dataset.ClinicalTrialTimePointID = series.timepoint
    dataset.BodyPartExamined = "CHEST"
    dataset.KVP = "120"
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = series.study_uid
    dataset.SeriesInstanceUID = series.series_uid
    dataset.SeriesNumber = series.number
    dataset.AcquisitionNumber = 1
    dataset.FrameOfReferenceUID = series.frame_uid
    dataset.PositionReferenceIndicator = ""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Columns, dataset.Rows = pixels.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    # the stored values of padding are below 0
    dataset.PixelRepresentation = 1
    dataset.WindowCenter, dataset.WindowWidth = "-600", "1600"
    dataset.RescaleIntercept, dataset.RescaleSlope = str(INTERCEPT), "1"
    dataset.RescaleType = "HU"
    return dataset


def _write(file: Path, dataset: FileDataset, *, uid: str, number: int, hu: np.ndarray) -> None:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.InstanceNumber = number
    dataset.PixelData = (hu.T - np.int16(INTERCEPT)).astype("<i2").tobytes()
    with atomic_write(file) as temporary:
        pydicom.dcmwrite(temporary, dataset, enforce_file_format=True)


def _decimal(value: float) -> str:
    """Format a number as a decimal string of at most 16 characters."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
