"""The few tags of a DICOM file that tell which series it belongs to."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial

from lungcam.cohorts.catalogue.person import NLST, research_number, screening_year
from lungcam.scans.headers import DamagedHeader, begins_dicom

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
        if not begins_dicom(stream.read(132)):
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
    person = research_number(raw["PatientID"], study or raw["SeriesInstanceUID"], year)
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
