"""NLST's layout: DICOM exams of participants, and the trial's tables."""

from pathlib import Path

from lungcam.cohorts.phantom.layouts.exam import write_exam
from lungcam.cohorts.phantom.layouts.layout import Entry, Layout
from lungcam.cohorts.phantom.layouts.nlst_columns import CANC, CTAB, CTABC, PRSN, RESTRICTED, SCREEN
from lungcam.cohorts.phantom.layouts.nlst_tables import cancer_rows, exam_rows, participant
from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.phantom import Phantom

FIRST_PID = 100_000
# among the first four phantoms of every twelve, the one with a benign nodule came back for T1
BLOCK, EVERY = 4, 3
# a folder of tables as anybody gets them, and one as a data agreement gives them
FOLDERS = ("tables", "restricted")
NAME = "nlst_780_{}_idc_20210527.csv"
COLUMNS = {"screen": SCREEN, "ctab": CTAB, "ctabc": CTABC, "canc": CANC}
PERSON = {"tables/nlst_780_prsn_idc_20210527.csv": PRSN, "restricted/participant.csv": RESTRICTED}


def write_nlst(out: Path, subject: Subject, phantom: Phantom) -> Entry:
    """Write the exams of a participant.

    Returns:
        The T0 exam's thin reconstruction; its label by the rule of the screened at T0, by which
        one who was free of cancer and came back for T1 counts neither way.
    """
    pid = str(FIRST_PID + subject.index)
    twice = subject.kind == "benign" and subject.index // BLOCK % EVERY == 0
    one = participant(pid, subject, phantom, twice)
    years = range(2 if twice else 1)
    folders = [write_exam(out, pid, subject, phantom, year) for year in years]
    rows: dict[str, list] = {
        name: [[one.person[column] for column in columns]] for name, columns in PERSON.items()
    }
    tables = {"canc": cancer_rows(one)}
    for year in years:
        for name, more in exam_rows(one, year).items():
            tables[name] = tables.get(name, []) + more
    for name, found in tables.items():
        rows |= dict.fromkeys((f"{folder}/{NAME.format(name)}" for folder in FOLDERS), found)
    return Entry(
        folders[0].as_posix(),
        pid,
        subject.uid("study", "T0"),
        subject.uid("T0", "thin"),
        phantom.center_mm,
        None if twice else phantom.label,
        rows=rows,
    )


NLST = Layout(
    "NLST",
    write_nlst,
    PERSON
    | {f"{folder}/{NAME.format(name)}": COLUMNS[name] for folder in FOLDERS for name in COLUMNS},
    ("data.root={out}",),
    (
        "tables/ holds the public tables. In restricted/, the participant file has the columns too "
        "that only a data agreement gives (rndgroup, conflc, lung_cancer, last_screen_studyyr, "
        "fup_days): data.tables=OUT/restricted reads it.",
        "A malignant phantom was diagnosed within 200 days of its T0 exam; the others stayed free "
        "of cancer, and a quarter of them is followed for less than 5 years.",
        "A few with a benign nodule came back for T1: the same scan with some more noise. The rule "
        "of those screened at T0 alone (last_screen_studyyr 0) leaves them without a label.",
        "An exam has a localizer, a thin reconstruction and a thick one of averaged slices.",
    ),
)
