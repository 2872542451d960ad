"""predictions.csv holds what is done, in the order of the input, whenever it is looked at."""

import csv
from pathlib import Path

import pytest

import lungcam.runs.prediction_table as module
from lungcam.ahead import Failure
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.runs.prediction_table import PredictionTable

SAMPLES = [Sample(name, name, Path(f"{name}.nii"), None, "") for name in "dcba"]


def answer(logit):
    return {"probability": 0.5, "logit": logit, "label": 1, "seen_in_training": False}


@pytest.fixture
def table(tmp_path):
    return PredictionTable(tmp_path / "out", SAMPLES, [Fault("row_9", "", "t.csv, row 9: empty")])


def rows(table):
    with table.file.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_stand_in_the_order_of_the_input(table):
    table.add(2, answer(2.0))
    table.add(0, Failure("d.nii: damaged."))
    table.write()
    assert [(row["sample_id"], row["logit"], row["error"]) for row in rows(table)] == [
        ("d", "", "d.nii: damaged."),
        ("b", "2.0", ""),
        ("row_9", "", "t.csv, row 9: empty"),
    ]
    assert table.defects == 0


def test_it_is_written_now_and_then(table, monkeypatch):
    table.add(0, answer(0.0))
    assert not table.file.exists()
    monkeypatch.setattr(module, "EVERY_S", -1.0)
    table.add(1, answer(1.0))
    assert [row["sample_id"] for row in rows(table)] == ["d", "c", "row_9"]


def test_a_defect_is_told_as_one_and_its_traceback_logged(table):
    table.add(1, Failure("KeyError: 3", "Traceback: line 7"))
    table.add(3, Failure("KeyError: 4", "Traceback: line 8"))
    table.write()
    assert table.defects == 2
    (first, second, _) = rows(table)
    assert first["error"].startswith("a defect of lungcam: KeyError: 3")
    assert second["sample_id"] == "a"
    log = (table.folder / "defects.log").read_text()
    assert log == "c\nTraceback: line 7\na\nTraceback: line 8\n"


def test_the_next_command_begins_without_old_defects(table):
    table.add(1, Failure("KeyError: 3", "Traceback"))
    PredictionTable(table.folder, SAMPLES, [])
    assert not (table.folder / "defects.log").exists()
