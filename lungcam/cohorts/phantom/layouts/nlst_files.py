"""Where NLST's tables lie, and whose rows go into which."""

from collections.abc import Mapping, Sequence

from lungcam.cohorts.phantom.layouts.nlst_columns import CANC, CTAB, CTABC, PRSN, RESTRICTED, SCREEN

FIRST_PID = 100_000
# a folder of tables as anybody gets them, and one as a data agreement gives them
FOLDERS = ("tables", "restricted")
NAME = "nlst_780_{}_idc_20210527.csv"
COLUMNS = {"screen": SCREEN, "ctab": CTAB, "ctabc": CTABC, "canc": CANC}
PERSON = {"tables/nlst_780_prsn_idc_20210527.csv": PRSN, "restricted/participant.csv": RESTRICTED}
TABLES = PERSON | {
    f"{folder}/{NAME.format(name)}": COLUMNS[name] for folder in FOLDERS for name in COLUMNS
}


def trial_rows(
    person: Mapping[str, object], cancers: list, exams: Sequence[Mapping[str, list]]
) -> dict[str, list]:
    """A participant's rows by table: of the person, of cancers, and of the exams by year."""
    rows: dict[str, list] = {
        name: [[person[column] for column in columns]] for name, columns in PERSON.items()
    }
    tables = {"canc": cancers}
    for exam in exams:
        for name, more in exam.items():
            tables[name] = tables.get(name, []) + more
    for name, found in tables.items():
        rows |= dict.fromkeys((f"{folder}/{NAME.format(name)}" for folder in FOLDERS), found)
    return rows
