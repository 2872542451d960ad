"""Refusal of outcomes as features."""

import csv
import re

import pytest

from lungcam.cohorts.nlst import refuse_outcomes
from lungcam.errors import InputError

AFTER = ("Follow-Up/Procedures", "Death", "Progression", "Cancers of Any Site")
BEFORE = (
    *("Demographic", "Smoking", "Work history", "Disease history", "Cancer history"),
    *("Lung cancer", "Alcohol"),
)


def is_refused(name: str) -> bool:
    try:
        refuse_outcomes([name])
    except InputError:
        return True
    return False


@pytest.mark.parametrize(
    "name",
    [
        *("cancyr", "can_scr", "candx_days", "canc_free_days", "canc_rpt_link", "conflc"),
        *("lung_cancer", "de_stag", "de_stag_7thed", "locrup", "loclin", "lesionsize", "lc_morph"),
        *("fup_days", "death_days", "deathstat", "finaldeathLC", "treatLC", "treatlc", "procLC"),
        *("progsite_bone_days", "biop1", "CANCYR", "scr_res1", "scr_days2", "path_t", "scr_group"),
        *("last_screen_studyyr", "clinical_stag", "stage_sum"),
    ],
)
def test_an_outcome_is_refused(name):
    with pytest.raises(InputError, match=f"{name} reveals the outcome") as error:
        refuse_outcomes(["age", name, "pkyr"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        *("age", "gender", "pkyr", "race", "canclung", "agelung", "famfather", "cigsmok"),
        *("sct_long_dia", "sct_margins", "ctdxqual", "scr_res0", "location", "detail", "process"),
        *("diameter_mm", "clinical_score", "program", "treadmill"),
    ],
)
def test_a_column_known_at_the_screen_is_accepted(name):
    refuse_outcomes([name])


def test_the_columns_of_the_trials_dictionary_are_classified(sample_data):
    with (sample_data / "nlst" / "nlst_data_dictionary.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    counts = {True: 0, False: 0}
    for row in rows:
        name = row["Variable"].removeprefix("[...continued] ")
        span = re.search(r"(\d)-(\d)$", name)
        names = [name]
        if span:
            numbers = range(int(span[1]), int(span[2]) + 1)
            names = [f"{name[: span.start()]}{number}" for number in numbers]
        if row["Category"] in AFTER + BEFORE:
            for column in names:
                assert is_refused(column) == (row["Category"] in AFTER), column
                counts[is_refused(column)] += 1
    assert counts[True] > 150
    assert counts[False] > 120


def test_all_columns_of_the_cancer_table_are_refused(sample_data):
    text = (sample_data / "nlst/columns/bigquery-public-data.idc_v15.nlst_canc.md").read_text()
    columns = set(re.findall(r"`(\w+)`\n", text)) - {"pid", "study_yr", "dataset_version"}
    assert len(columns) > 25
    for name in columns:
        assert is_refused(name), name
