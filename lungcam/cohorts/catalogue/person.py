"""Whose a series is: research numbers and pseudonyms, and NLST's screening years."""

import hashlib
import re

# StudyDate is fictitious in NLST: these years stand for the screens T0, T1 and T2
YEARS = {"1999": 0, "2000": 1, "2001": 2}
TIME_POINTS = {"T0": 0, "T1": 1, "T2": 2}
PUBLIC = re.compile(r"LIDC-IDRI-\d{4}|person-\d{4,}")
NLST = re.compile(r"[12]\d{5}")


def research_number(patient_id: str, study_uid: str, timepoint: int | None) -> str:
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
