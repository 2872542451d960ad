"""predictions.csv: all outcomes so far, in the order of the input."""

import csv
from pathlib import Path

import pytest

from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.errors import DefectError, InputError
from lungcam.inference import prediction_table
from lungcam.inference.prediction_table import PredictionTable
from lungcam.runtime.parallel import Failure
from lungcam.tasks import Classes, Malignancy

SAMPLES = [
    Sample(sample_id=name, patient_id=name, image=Path(f"{name}.nii"), label=None, label_source="")
    for name in "dcba"
]


def record(logit):
    return {"probability": 0.5, "logit": logit, "label": 1, "seen_in_training": False}


@pytest.fixture
def table(tmp_path):
    return PredictionTable(
        tmp_path / "out",
        SAMPLES,
        task=Malignancy(),
        faults=[Fault("row_9", "", "t.csv, row 9: empty")],
    )


def rows(table):
    with table.file.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_in_the_order_of_the_input(table):
    table.add(2, record(2.0))
    table.add(0, Failure("d.nii: damaged."))
    table.write()
    assert [(row["sample_id"], row["logit"], row["error"]) for row in rows(table)] == [
        ("d", "", "d.nii: damaged."),
        ("b", "2.0", ""),
        ("row_9", "", "t.csv, row 9: empty"),
    ]
    assert table.defects == 0


def test_the_table_is_written_from_time_to_time(table, monkeypatch):
    table.add(0, record(0.0))
    assert not table.file.exists()
    monkeypatch.setattr(prediction_table, "INTERVAL_S", -1.0)
    table.add(1, record(1.0))
    assert [row["sample_id"] for row in rows(table)] == ["d", "c", "row_9"]


def test_a_defect_is_named_and_its_traceback_is_logged(table):
    table.add(1, Failure("KeyError: 3", "Traceback: line 7"))
    table.add(3, Failure("KeyError: 4", "Traceback: line 8"))
    table.write()
    assert table.defects == 2
    (first, second, _) = rows(table)
    assert first["error"].startswith("a defect of lungcam: KeyError: 3")
    assert second["sample_id"] == "a"
    log = (table.folder / "defects.log").read_text()
    assert log == "c\nTraceback: line 7\na\nTraceback: line 8\n"


def test_the_next_command_removes_old_defects(table):
    table.add(1, Failure("KeyError: 3", "Traceback"))
    PredictionTable(table.folder, SAMPLES, task=table.task, faults=[])
    assert not (table.folder / "defects.log").exists()


def test_failures_decide_on_the_exit_code(table):
    with pytest.raises(InputError, match="not one scan could be predicted"):
        table.refuse_failures()
    table.add(0, record(0.0))
    table.refuse_failures()
    table.add(1, Failure("KeyError: 3", "Traceback"))
    with pytest.raises(DefectError, match=r"^1 scan\(s\) were not predicted .*defects\.log\.$"):
        table.refuse_failures()


def test_predicted_scans_are_listed_with_their_records(table):
    table.add(3, record(3.0) | {"seen_in_training": True})
    table.add(2, Failure("b.nii: damaged."))
    table.add(0, record(0.0))
    assert [(sample.sample_id, row["logit"]) for sample, row in table.predicted] == [
        ("d", 0.0),
        ("a", 3.0),
    ]
    assert table.seen_in_training == 1


def test_columns_are_those_of_the_task(tmp_path):
    table = PredictionTable(tmp_path, SAMPLES, task=Classes(("a", "b")), faults=[])
    shares = {"class": "b", "probabilities": {"a": 0.25, "b": 0.75}, "logits": {"a": 1.0, "b": 2.0}}
    table.add(0, shares | {"seen_in_training": False})
    table.write()
    (row,) = rows(table)
    assert list(row) == [
        *("sample_id", "image", "class", "probability_a", "probability_b"),
        *("logit_a", "logit_b", "trust", "error"),
    ]
    assert (row["class"], row["probability_b"], row["logit_a"]) == ("b", "0.75", "1.0")
