"""predictions.csv holds what is done, in the order of the input, whenever it is looked at.

An answer is known again by all that it hangs on, and by nothing else.
"""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import lungcam.inference.batch as module
from lungcam.cohorts import Sample
from lungcam.cohorts.sample import ScanNodule
from lungcam.cohorts.table import Fault
from lungcam.inference.batch import PredictionTable, finished, request_digest
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.render import RenderOptions
from lungcam.runtime.parallel import Failure

SAMPLES = [
    Sample(sample_id=name, patient_id=name, image=Path(f"{name}.nii"), label=None, label_source="")
    for name in "dcba"
]


def answer(logit):
    return {"probability": 0.5, "logit": logit, "label": 1, "seen_in_training": False}


@pytest.fixture
def table(tmp_path):
    return PredictionTable(
        tmp_path / "out", SAMPLES, faults=[Fault("row_9", "", "t.csv, row 9: empty")]
    )


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
    PredictionTable(table.folder, SAMPLES, faults=[])
    assert not (table.folder / "defects.log").exists()


PREDICTOR = SimpleNamespace(sha256="a" * 64, layer="net.conv3", method="gradcam", evidence="both")
WANTED = RequestedOutputs(masks=False, picture=False)
CENTER = (1.0, 2.0, 3.5)
ANSWER = {"probability": 0.25, "logit": -1.0, "label": 0, "seen_in_training": False}


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(b"voxels")
    (tmp_path / "lesion.nii.gz").write_bytes(b"mask")
    told = {"center_mm": CENTER, "diameter_mm": 8.0, "lesion_mask": tmp_path / "lesion.nii.gz"}
    return Sample(
        sample_id="s",
        patient_id="p",
        image=tmp_path / "scan.nii.gz",
        label=1,
        label_source="",
        **told,
    )


def digest(sample, predictor=PREDICTOR, wanted=WANTED):
    return request_digest(predictor, sample, wanted=wanted)


def test_the_same_request_is_known_again(sample):
    assert digest(sample) == digest(replace(sample))


@pytest.mark.parametrize("change", ["sha256", "layer", "method", "evidence"])
def test_another_net_or_explanation_is_another_request(sample, change):
    other = SimpleNamespace(**{**vars(PREDICTOR), change: "other"})
    assert digest(sample, other) != digest(sample)


@pytest.mark.parametrize("file", ["masks", "picture", "erase", "turntable", "report", "dicom"])
def test_other_files_are_another_request(sample, file):
    assert digest(sample, wanted=replace(WANTED, **{file: True})) != digest(sample)


def test_the_look_counts_where_there_are_pictures_alone(sample):
    other = replace(WANTED, look=RenderOptions(preset="otsu"))
    assert digest(sample, wanted=other) == digest(sample)
    drawn, otherwise = (replace(one, picture=True) for one in (WANTED, other))
    assert digest(sample, wanted=drawn) != digest(sample, wanted=otherwise)


def test_a_window_is_no_other_request(sample):
    assert digest(sample, wanted=replace(WANTED, interactive=True)) == digest(sample)


@pytest.mark.parametrize("file", ["erase", "picture", "report"])
def test_the_lesion_counts_where_it_is_erased_or_outlined_alone(sample, file):
    other, wanted = replace(sample, diameter_mm=9.0), replace(WANTED, **{file: True})
    assert digest(other) == digest(sample)
    assert digest(other, wanted=wanted) != digest(sample, wanted=wanted)
    more = replace(sample, nodules=(ScanNodule(CENTER, 5.0, True),))
    assert digest(more, wanted=wanted) != digest(sample, wanted=wanted)


def test_the_lesions_mask_counts_where_it_is_erased(sample):
    erase = replace(WANTED, erase=True)
    before = digest(sample, wanted=erase)
    sample.lesion_mask.write_bytes(b"another")
    assert digest(sample, wanted=erase) != before


def test_the_scans_file_place_and_version_count_and_its_label_does_not(sample, monkeypatch):
    before = digest(sample)
    assert digest(replace(sample, label=0)) == before
    assert digest(replace(sample, center_mm=(1.0, 2.0, 3.0))) != before
    os.utime(sample.image, ns=(0, 0))
    assert digest(sample) != before
    before = digest(sample)
    copy = sample.image.with_name("copy.nii.gz")
    copy.write_bytes(sample.image.read_bytes())
    os.utime(copy, ns=(0, 0))
    assert digest(replace(sample, image=copy)) != before
    monkeypatch.setattr(module, "__version__", "0.0.0")
    assert digest(sample) != before


def test_voxels_beside_their_header_count(tmp_path):
    (tmp_path / "a.mhd").write_text("ElementDataFile = a.raw\n")
    (tmp_path / "a.raw").write_bytes(b"voxels")
    sample = Sample(
        sample_id="a", patient_id="a", image=tmp_path / "a.mhd", label=None, label_source=""
    )
    before = digest(sample)
    (tmp_path / "a.raw").write_bytes(b"other voxels")
    assert digest(sample) != before


def test_a_series_counts_by_all_its_slices(tmp_path):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes(b"slice")
    sample = Sample(
        sample_id="a", patient_id="a", image=tmp_path, label=None, label_source="", series_uid="1.2"
    )
    before = digest(sample)
    assert digest(replace(sample, series_uid="1.3")) != before
    (tmp_path / "2.dcm").unlink()
    assert digest(sample) != before


def test_what_is_not_there_can_be_asked_for(tmp_path):
    for name in ("gone.nii", "gone.mhd", "gone"):
        digest(
            Sample(
                sample_id="a", patient_id="a", image=tmp_path / name, label=None, label_source=""
            )
        )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", json.dumps({"request": "x"}), json.dumps(ANSWER), "[" * 10**5]
)
def test_what_is_no_answer_to_it_is_not_taken_over(tmp_path, text):
    assert finished(tmp_path, "x") is None
    (tmp_path / "prediction.json").write_text(text)
    assert finished(tmp_path, "x") is None


def test_an_answer_to_it_is(tmp_path):
    (tmp_path / "prediction.json").write_text(json.dumps(ANSWER | {"request": "x", "more": 1}))
    assert finished(tmp_path, "x") == ANSWER
    assert finished(tmp_path, "y") is None
