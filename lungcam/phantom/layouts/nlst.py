"""Layout of NLST: DICOM exams of participants, and the tables of the trial."""

from pathlib import Path

import numpy as np

from lungcam.phantom.layouts.dicom import write_exam
from lungcam.phantom.layouts.layout import EXTRA_NODULES, Entry, Layout, Subject
from lungcam.phantom.layouts.nlst_tables import (
    FIRST_PID,
    TABLES,
    cancer_rows,
    draw_participant,
    exam_rows,
    trial_rows,
)
from lungcam.phantom.phantom import Phantom

# of every twelve phantoms, the benign one among the first four returned for T1
BLOCK, EVERY = 4, 3
NEW_NOISE_HU = 6.0


def write_nlst(out: Path, subject: Subject, *, phantom: Phantom) -> Entry:
    """Write the exams of a participant.

    Returns:
        The entry of the thin reconstruction at T0. Its label follows the rule of those screened at
        T0 alone, which leaves a person free of cancer who returned for T1 without a label.
    """
    pid = str(FIRST_PID + subject.index)
    twice = subject.kind == "benign" and subject.index // BLOCK % EVERY == 0
    participant = draw_participant(pid, subject, phantom=phantom, twice=twice)
    scans = [phantom.hu, _with_new_noise(subject.rng("T1"), phantom.hu)] if twice else [phantom.hu]
    folders = [
        write_exam(out, pid, subject=subject, hu=hu, affine=phantom.affine, year=year)
        for year, hu in enumerate(scans)
    ]
    person = participant.person
    exams = [exam_rows(participant, year) for year in range(len(scans))]
    rows = trial_rows(person, cancer_rows(person, participant.lobe), exams=exams)
    return Entry(
        image=folders[0].as_posix(),
        patient_id=pid,
        study_uid=subject.uid("study", "T0"),
        series_uid=subject.uid("T0", "thin"),
        center_mm=phantom.center_mm,
        label=None if twice else phantom.label,
        rows=rows,
    )


def _with_new_noise(rng: np.random.Generator, hu: np.ndarray) -> np.ndarray:
    """Return the scan with additional noise; padding is unchanged."""
    noise = rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(NEW_NOISE_HU)
    noisy = np.maximum(np.rint(hu + noise), -1023).astype(np.int16)
    return np.where(hu == hu[0, 0, 0], hu, noisy)


NLST = Layout(
    title="NLST",
    write=write_nlst,
    tables=TABLES,
    settings=("data=nlst", "data.root={out}"),
    remarks=(
        "tables/ holds the public tables. In restricted/, the participant file also has the "
        "columns of a data agreement (rndgroup, conflc, lung_cancer, last_screen_studyyr, "
        "fup_days): data.tables=OUT/restricted reads it.",
        "A malignant phantom was diagnosed within 200 days of its T0 exam; the others stayed free "
        "of cancer, and a quarter of them was followed for less than 5 years.",
        "A few with a benign nodule returned for T1: the same scan with additional noise. The rule "
        "of those screened at T0 alone (last_screen_studyyr 0) leaves them without a label.",
        "An exam has a localizer, a thin reconstruction and a thick one of averaged slices.",
        EXTRA_NODULES,
    ),
)
