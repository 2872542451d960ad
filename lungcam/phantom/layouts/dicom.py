"""A phantom as DICOM: CT Image Storage, a file a slice (PS3.3 A.3).

A screening exam as NLST keeps it: a localizer and one or two reconstructions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungcam.phantom.layouts.layout import Subject
from lungcam.runtime.atomic import atomic_write

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
INTERCEPT = -1024


@dataclass(frozen=True)
class Series:
    """What the headers of a series' files share.

    Attributes:
        patient_id: PatientID, a phantom's.
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


def write_slices(
    folder: Path,
    series: Series,
    *,
    hu: np.ndarray,
    affine: np.ndarray,
    sop_uid: Callable[[int], str],
    names: Sequence[str],
) -> None:
    """Write a volume as axial slices, each file whole or not at all.

    Instances are numbered from the head down.

    Args:
        folder: Of the series.
        series: What the headers share.
        hu: `(W, H, D)` int16; the value in the first voxel is the padding.
        affine: `(4, 4)`, diagonal; columns grow to the left, rows to the back, slices to the head,
            as in `Phantom`.
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
        dataset.ImagePositionPatient = [_decimal(one) for one in position]
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
    """Write a view from the front, the mean HU along each ray, as a scanner's scout.

    Args:
        folder: Of the series.
        series: What the header tells.
        hu: `(W, H, D)` int16, as in `write_slices`.
        affine: `(4, 4)`, as in `write_slices`.
        sop_uid: SOPInstanceUID.
        name: File name.
    """
    view = np.rint(np.maximum(hu, INTERCEPT).mean(axis=1)).astype(np.int16)[:, ::-1]
    dataset = _common(series, view)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.PixelSpacing = [_decimal(affine[2, 2]), _decimal(-affine[0, 0])]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    top = affine @ [0, (hu.shape[1] - 1) / 2, hu.shape[2] - 1, 1]
    dataset.ImagePositionPatient = [_decimal(one) for one in RAS_TO_LPS * top[:3]]
    _write(folder / name, dataset, uid=sop_uid, number=1, hu=view)


def _common(series: Series, pixels: np.ndarray) -> FileDataset:
    """The header without what differs from file to file; pixels are `(W, H)`."""
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
    # stored values of padding lie below 0
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
    """A number as a decimal string, of at most 16 characters."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


YEARS = (1999, 2000, 2001)  # of T0, T1, T2: fictitious, the same for everybody
THICK_MM = 5.0
SHARP, SOFT = "LUNG", "STANDARD"


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
    """Write the exam of a study year.

    Args:
        out: The tree's root.
        pid: The participant's number.
        subject: The phantom person.
        hu: `(W, H, D)` int16, the scan.
        affine: `(4, 4)`, its voxels' place in RAS mm.
        year: Study year, from 0.
        thick: Whether to write a thick reconstruction beside the thin one.

    Returns:
        Folder of the thin reconstruction below `out`.
    """
    study = f"T{year}"
    folder = Path("NLST", pid, f"01-02-{YEARS[year]}-NLST-LSS-{subject.number('study', study):05d}")
    wanted = [("localizer", "", hu, affine), ("thin", SHARP, hu, affine)]
    if thick:
        wanted.append(("thick", SOFT, *_averaged(hu, affine)))
    field_mm = -affine[0, 0] * hu.shape[0]
    written = {}
    for number, (what, kernel, values, here_affine) in enumerate(wanted, start=1):
        thickness = here_affine[2, 2] if kernel else 0.0
        told = ("0", "OPA", "PHANTOM", *filter(None, (kernel,)), f"{field_mm:.0f}")
        told += (f"{thickness:g}", "120", "40") if thickness else ("LOCALIZER",)
        series = Series(
            pid,
            subject.uid("study", study),
            subject.uid(study, what),
            subject.uid("frame", study),
            number=number,
            description=",".join(told),
            kernel=kernel,
            date=f"{YEARS[year]}0102",
            timepoint=study,
        )
        five = subject.number(study, what)
        written[what] = folder / f"{number}.000000-{''.join(told)}-{five:05d}"

        def sop_uid(k: int, what: str = what) -> str:
            return subject.uid(study, what, k)

        here = out / written[what]
        if what == "localizer":
            write_localizer(
                here, series, hu=hu, affine=affine, sop_uid=sop_uid(0), name="1-001.dcm"
            )
            continue
        names = [f"1-{k + 1:03d}.dcm" for k in range(values.shape[2])]
        write_slices(here, series, hu=values, affine=here_affine, sop_uid=sop_uid, names=names)
    return written["thin"]


def _averaged(hu: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of neighbouring slices, two or as many as make `THICK_MM`, with their affine."""
    count = max(2, math.ceil(THICK_MM / affine[2, 2]))
    slices = hu.shape[2] // count
    groups = hu[:, :, : slices * count].reshape(*hu.shape[:2], slices, count)
    coarse = affine.copy()
    coarse[2, 2] *= count
    coarse[2, 3] += (count - 1) / 2 * affine[2, 2]
    return np.rint(groups.mean(axis=3)).astype(np.int16), coarse
