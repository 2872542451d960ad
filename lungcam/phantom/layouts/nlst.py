"""NLST's layout: DICOM exams of participants, and the trial's tables."""

from pathlib import Path

import numpy as np

from lungcam.phantom.layouts.dicom import write_exam
from lungcam.phantom.layouts.layout import BESIDE, Entry, Layout, Subject
from lungcam.phantom.layouts.nlst_tables import (
    FIRST_PID,
    TABLES,
    cancer_rows,
    exam_rows,
    participant,
    trial_rows,
)
from lungcam.phantom.phantom import Phantom

# among the first four phantoms of every twelve, the one with a benign nodule came back for T1
BLOCK, EVERY = 4, 3
NEW_NOISE_HU = 6.0


def write_nlst(out: Path, subject: Subject, phantom: Phantom) -> Entry:
    """Write the exams of a participant.

    Returns:
        The T0 exam's thin reconstruction; its label by the rule of the screened at T0, by which
        one who was free of cancer and came back for T1 counts neither way.
    """
    pid = str(FIRST_PID + subject.index)
    twice = subject.kind == "benign" and subject.index // BLOCK % EVERY == 0
    one = participant(pid, subject, phantom=phantom, twice=twice)
    scans = [phantom.hu, _again(subject.rng("T1"), phantom.hu)] if twice else [phantom.hu]
    folders = [
        write_exam(out, pid, subject=subject, hu=hu, affine=phantom.affine, year=year)
        for year, hu in enumerate(scans)
    ]
    exams = [exam_rows(one, year) for year in range(len(scans))]
    rows = trial_rows(one.person, cancer_rows(one.person, one.lobe), exams=exams)
    return Entry(
        image=folders[0].as_posix(),
        patient_id=pid,
        study_uid=subject.uid("study", "T0"),
        series_uid=subject.uid("T0", "thin"),
        center_mm=phantom.center_mm,
        label=None if twice else phantom.label,
        rows=rows,
    )


def _again(rng: np.random.Generator, hu: np.ndarray) -> np.ndarray:
    """The same scan with some more noise; padding stays."""
    noise = rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(NEW_NOISE_HU)
    noisy = np.maximum(np.rint(hu + noise), -1023).astype(np.int16)
    return np.where(hu == hu[0, 0, 0], hu, noisy)


NLST = Layout(
    title="NLST",
    write=write_nlst,
    tables=TABLES,
    settings=("data=nlst", "data.root={out}"),
    remarks=(
        "tables/ holds the public tables. In restricted/, the participant file has the columns too "
        "that only a data agreement gives (rndgroup, conflc, lung_cancer, last_screen_studyyr, "
        "fup_days): data.tables=OUT/restricted reads it.",
        "A malignant phantom was diagnosed within 200 days of its T0 exam; the others stayed free "
        "of cancer, and a quarter of them is followed for less than 5 years.",
        "A few with a benign nodule came back for T1: the same scan with some more noise. The rule "
        "of those screened at T0 alone (last_screen_studyyr 0) leaves them without a label.",
        "An exam has a localizer, a thin reconstruction and a thick one of averaged slices.",
        BESIDE,
    ),
)
