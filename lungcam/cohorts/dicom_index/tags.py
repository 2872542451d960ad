"""Tags of a DICOM file that identify its series, and research numbers in place of patients."""

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial

from lungcam.cohorts.identifiers import NOBODY, identifier
from lungcam.scans.deflated import inflated_head
from lungcam.scans.dicom_header import (
    FIRST_BYTES,
    DamagedHeader,
    is_directory,
    starts_like_dicom,
    valid_uid,
)

# PatientID, StudyDate and the time point are converted at once to a research number and a screening
# year; no other tag about a person is read
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
UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# StudyDate is fictitious in NLST: these years mean the screens T0, T1 and T2
YEARS = {"1999": 0, "2000": 1, "2001": 2}
TIME_POINTS = {"T0": 0, "T1": 1, "T2": 2}
PUBLIC = re.compile(r"LIDC-IDRI-\d{4}|person-\d{4,}")
NLST = re.compile(r"[12]\d{5}")


@dataclass(frozen=True)
class Tags:
    """Tags of one file about its series; see `Series` for their meaning.

    The index stores the values in the order of the fields.

    Attributes:
        nameless: True if PatientID is missing, so that the study counts as the person.
        disagree: True if StudyDate and ClinicalTrialTimePointID name different screening years.
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
    """Tags of one file, and its position in the series.

    Attributes:
        tags: Tags of the series, equal in all its files except for rare disagreements.
        sop_uid: SOPInstanceUID; empty if it is missing.
        number: InstanceNumber; None if it is missing or not an integer.
    """

    tags: Tags
    sop_uid: str
    number: int | None


def read_image(file: Path) -> Image | None:
    """Read a file's header up to InstanceNumber, which comes shortly after SeriesInstanceUID.

    Returns:
        The image; None if the first bytes of the file are not DICOM.

    Raises:
        OSError: The file cannot be opened or read.
        DamagedHeader: The header is damaged or names no series.
    """
    with file.open("rb") as stream:
        start = stream.read(FIRST_BYTES)
        if not starts_like_dicom(start) or is_directory(file, start):
            return None
        stream.seek(0)
        try:
            dataset = read_partial(
                inflated_head(stream) or stream,
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
        # pydicom raises nearly any exception for a damaged file
        except Exception as error:
            raise DamagedHeader(str(file)) from error
    raw |= {name: valid_uid(raw.get(name, "")) for name in UIDS}
    if not raw["SeriesInstanceUID"]:
        raise DamagedHeader(str(file))
    tags = _tags({name: raw.get(name, "") for name in NAMES})
    return Image(tags, raw["SOPInstanceUID"], _integer(raw.get("InstanceNumber", "")))


def _tags(raw: dict[str, str]) -> Tags:
    study, person = raw["StudyInstanceUID"], identifier(raw["PatientID"], nobody=NOBODY) or ""
    year, disagree = screening_year(raw["StudyDate"], raw["ClinicalTrialTimePointID"])
    patient = research_number(person, study or raw["SeriesInstanceUID"], timepoint=year)
    nlst = NLST.fullmatch(patient) is not None
    return Tags(
        patient_id=patient,
        study_uid=study,
        series_uid=raw["SeriesInstanceUID"],
        modality=raw["Modality"].upper(),
        localizer="LOCALIZER" in re.split(r"\s*\\\s*", raw["ImageType"].upper()),
        thickness_mm=_positive(raw["SliceThickness"]),
        kernel=raw["ConvolutionKernel"],
        timepoint=year if nlst else None,
        nameless=not person,
        disagree=disagree and nlst,
    )


def research_number(patient_id: str, study_uid: str, *, timepoint: int | None) -> str:
    """Convert PatientID to an identifier that may be stored.

    The identifiers of public data sets are kept: LIDC-IDRI-dddd, this project's phantoms
    (person-dddd), and NLST's six digits that begin with 1 or 2, the latter only for a study in one
    of NLST's years, since a hospital's number may look the same. All others become `patient-` and
    12 hexadecimal digits of their SHA-256. That is a pseudonym, not anonymity: anyone who guesses a
    PatientID can check the guess.

    Args:
        patient_id: PatientID; empty if it is missing.
        study_uid: StudyInstanceUID, which replaces a missing PatientID.
        timepoint: Screening year of the study under the assumption that it is NLST's.

    Returns:
        An identifier, equal for equal PatientIDs.
    """
    if PUBLIC.fullmatch(patient_id) or (timepoint is not None and NLST.fullmatch(patient_id)):
        return patient_id
    identifier = patient_id or study_uid
    return f"patient-{hashlib.sha256(identifier.encode()).hexdigest()[:12]}"


def screening_year(study_date: str, time_point: str) -> tuple[int | None, bool]:
    """Find NLST's screening year.

    Args:
        study_date: StudyDate.
        time_point: ClinicalTrialTimePointID.

    Returns:
        The year by StudyDate, else by ClinicalTrialTimePointID, else None; and True if the two
        disagree.
    """
    by_date = YEARS.get(study_date[:4])
    by_trial = TIME_POINTS.get(time_point.upper())
    disagree = None not in (by_date, by_trial) and by_date != by_trial
    return (by_trial if by_date is None else by_date), disagree


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,12}", text) else None
