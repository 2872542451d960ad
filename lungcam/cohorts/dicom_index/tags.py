"""The few tags of a DICOM file that tell which series it belongs to.

Whose a series is: research numbers and pseudonyms, and NLST's screening years.

One series of a DICOM tree.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial

from lungcam.scans.dicom_header import DamagedHeader, starts_like_dicom

# StudyDate is fictitious in NLST: these years stand for the screens T0, T1 and T2
YEARS = {"1999": 0, "2000": 1, "2001": 2}
TIME_POINTS = {"T0": 0, "T1": 1, "T2": 2}
PUBLIC = re.compile(r"LIDC-IDRI-\d{4}|person-\d{4,}")
NLST = re.compile(r"[12]\d{5}")


def research_number(patient_id: str, study_uid: str, *, timepoint: int | None) -> str:
    """Turn PatientID into what may leave the file.

    The identifiers of public data sets stay as they are: LIDC-IDRI-dddd, this project's phantoms
    (person-dddd), and NLST's six digits from 1 or 2 on, the latter only where the study lies in one
    of NLST's years, since a hospital's number may look the same. All others become `patient-` and
    12 hexadecimal digits of their SHA-256. That is a pseudonym, not anonymity: who can guess a
    PatientID can check the guess.

    Args:
        patient_id: PatientID; empty where there is none.
        study_uid: StudyInstanceUID, which stands in for a missing PatientID.
        timepoint: The study's screening year, if it were NLST's.

    Returns:
        The same for the same person, as far as PatientID tells.
    """
    if PUBLIC.fullmatch(patient_id) or (timepoint is not None and NLST.fullmatch(patient_id)):
        return patient_id
    known = patient_id or study_uid
    return f"patient-{hashlib.sha256(known.encode()).hexdigest()[:12]}"


def screening_year(study_date: str, time_point: str) -> tuple[int | None, bool]:
    """Find NLST's screening year.

    Args:
        study_date: StudyDate.
        time_point: ClinicalTrialTimePointID.

    Returns:
        The year by StudyDate, or else by ClinicalTrialTimePointID, None where neither tells; and
        whether the two disagree.
    """
    by_date = YEARS.get(study_date[:4])
    by_trial = TIME_POINTS.get(time_point.upper())
    disagree = None not in (by_date, by_trial) and by_date != by_trial
    return (by_trial if by_date is None else by_date), disagree


@dataclass(frozen=True, kw_only=True)
class Series:
    """One DICOM series in one folder.

    Attributes:
        folder: The folder that directly holds its files.
        patient_id: Research number, or a pseudonym; see `person.research_number`.
        study_uid: StudyInstanceUID; empty where the files have none.
        series_uid: SeriesInstanceUID.
        modality: Such as CT; whoever wants CT alone filters by it.
        localizer: Whether all images that were looked at are localizers (scout views).
        slices: Files of the series in the folder; localizers do not count beside other images, and
            a file of many frames counts as one.
        thickness_mm: SliceThickness; None where it is missing or no positive number. It ranks
            reconstructions and never tells how far slices lie apart.
        kernel: ConvolutionKernel; empty where there is none.
        timepoint: NLST's screening year, 0 to 2; None for other data sets.
    """

    folder: Path
    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    localizer: bool
    slices: int
    thickness_mm: float | None
    kernel: str
    timepoint: int | None


# PatientID, StudyDate and the time point are turned into a research number and a screening year at
# once; no other tag that tells of a person is read
NAMES = (
    "ImageType",
    "SOPInstanceUID",
    "StudyDate",
    "Modality",
    "PatientID",
    "ClinicalTrialTimePointID",
    "SliceThickness",
    "ConvolutionKernel",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
)
TAGS = {name: tag_for_keyword(name) for name in NAMES}
LAST = max(TAGS.values())
UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True)
class Tags:
    """What one file says of its series; see `Series` for the meaning.

    Attributes:
        nameless: Whether PatientID is missing, so that the study stands in for the person.
        disagree: Whether StudyDate and ClinicalTrialTimePointID name different screening years.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    localizer: bool
    thickness_mm: float | None
    kernel: str
    timepoint: int | None
    nameless: bool
    disagree: bool


@dataclass(frozen=True)
class Image:
    """One file: what it says of its series, and which one of the series it is.

    Attributes:
        tags: Alike in all files of a series, but for rare disagreements.
        sop_uid: SOPInstanceUID; empty where it is missing.
        number: InstanceNumber; None where it is missing or no whole number.
    """

    tags: Tags
    sop_uid: str
    number: int | None


def read_image(file: Path) -> Image | None:
    """Read a file's header up to InstanceNumber, which stands shortly after SeriesInstanceUID.

    Returns:
        None if the file is not DICOM by its first bytes.

    Raises:
        OSError: The file cannot be opened or read.
        DamagedHeader: Its header cannot be understood or names no series.
    """
    with file.open("rb") as stream:
        if not starts_like_dicom(stream.read(132)):
            return None
        stream.seek(0)
        try:
            dataset = read_partial(
                stream,
                stop_when=lambda tag, vr, length: tag > LAST,
                force=True,
                specific_tags=list(TAGS.values()),
            )
            raw = {
                name: (element.value or b"").decode("latin-1").strip(" \0")
                for name, tag in TAGS.items()
                if tag in dataset
                and isinstance(element := dataset.get_item(tag), RawDataElement)
                and len(element.value or b"") == element.length
            }
        except OSError:
            raise
        # pydicom raises nearly anything for nearly anything
        except Exception as error:
            raise DamagedHeader(str(file)) from error
    if not UID.fullmatch(raw.get("SeriesInstanceUID", "")):
        raise DamagedHeader(str(file))
    tags = _tags({name: raw.get(name, "") for name in NAMES})
    return Image(tags, raw.get("SOPInstanceUID", ""), _whole(raw.get("InstanceNumber", "")))


def _tags(raw: dict[str, str]) -> Tags:
    study = raw["StudyInstanceUID"] if UID.fullmatch(raw["StudyInstanceUID"]) else ""
    year, disagree = screening_year(raw["StudyDate"], raw["ClinicalTrialTimePointID"])
    person = research_number(raw["PatientID"], study or raw["SeriesInstanceUID"], timepoint=year)
    nlst = NLST.fullmatch(person) is not None
    return Tags(
        patient_id=person,
        study_uid=study,
        series_uid=raw["SeriesInstanceUID"],
        modality=raw["Modality"].upper(),
        localizer="LOCALIZER" in re.split(r"\s*\\\s*", raw["ImageType"].upper()),
        thickness_mm=_positive(raw["SliceThickness"]),
        kernel=raw["ConvolutionKernel"],
        timepoint=year if nlst else None,
        nameless=not raw["PatientID"],
        disagree=disagree and nlst,
    )


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,12}", text) else None
