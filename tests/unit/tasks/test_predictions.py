"""Predictions of a split, and their table."""

import csv
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_auroc

from lungcam.cohorts import Sample
from lungcam.cohorts.table import table_cohort
from lungcam.metrics import Calibration
from lungcam.tasks.predictions import Predictions, write_predictions


def make_predictions(
    logits: list[float], diameters: list[float | None] | None = None
) -> Predictions:
    diameters = diameters or [None] * len(logits)
    samples = [
        Sample(
            sample_id=f"scan, {i}",
            patient_id=f"person-{i // 2}",
            image=Path("x"),
            label=i % 2,
            label_source="",
            diameter_mm=diameter,
        )
        for i, diameter in enumerate(diameters)
    ]
    return Predictions(samples=samples, logits=np.array(logits, np.float32))


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=10))
def test_probability_is_torchs_sigmoid_for_any_logit(logits):
    p = Calibration().probability(np.array(logits))
    assert np.allclose(p, torch.sigmoid(torch.tensor(logits, dtype=torch.float64)).numpy())
    assert ((p >= 0) & (p <= 1)).all()


@pytest.mark.parametrize(("logit", "p"), [(-1e5, 0), (-800.0, 0), (0.0, 0.5), (800.0, 1)])
def test_probability_of_one_logit(logit, p):
    assert float(Calibration().probability(logit)) == p


def test_labels_patients_probabilities_and_baselines_follow_from_the_samples():
    predictions = make_predictions([0.0, 2.0, -2.0], [5.0, None, 0.0])
    assert predictions.labels.tolist() == [0, 1, 0]
    assert predictions.patients.tolist() == ["person-0", "person-0", "person-1"]
    assert predictions.probabilities == pytest.approx([0.5, 0.880797, 0.119203], abs=1e-6)
    assert predictions.baselines["diameter"] == pytest.approx([5.0, np.nan, 0.0], nan_ok=True)


def test_probabilities_are_calibrated_and_logits_stay():
    predictions = replace(make_predictions([0.0, 2.0, -2.0]), calibration=Calibration(0.5, 1.0))
    assert predictions.probabilities == pytest.approx(1 / (1 + np.exp([-1.0, -2.0, 0.0])))
    assert predictions.logits.tolist() == [0.0, 2.0, -2.0]


def test_every_known_size_and_feature_is_a_baseline():
    known = [
        Sample(
            sample_id="a",
            patient_id="p",
            image=Path("x"),
            label=0,
            label_source="",
            diameter_mm=4.0,
            features={"age": 60.0},
        ),
        Sample(
            sample_id="b",
            patient_id="q",
            image=Path("x"),
            label=1,
            label_source="",
            features={"age": 70.0, "pack_years": 0.0},
        ),
        Sample(sample_id="c", patient_id="r", image=Path("x"), label=1, label_source=""),
    ]
    baselines = Predictions(
        samples=known, logits=np.zeros(3), crop_depths={"a": 10.0, "c": 25.0}
    ).baselines
    expected = {
        "diameter": [4, np.nan, np.nan],
        "crop_depth": [10, np.nan, 25],
        "age": [60, 70, np.nan],
        "pack_years": [np.nan, 0, np.nan],
    }
    assert list(baselines) == list(expected)
    for name, scores in expected.items():
        assert baselines[name] == pytest.approx(scores, nan_ok=True), name


def test_whole_scans_have_no_crop_depth():
    assert np.isnan(make_predictions([0.0, 1.0]).baselines["crop_depth"]).all()


def test_baselines_of_the_public_crops_have_their_known_auc(sample_data):
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    known = [sample for sample in cohort.samples if sample.label is not None]
    depths = {}
    for sample in known:
        header = nib.load(sample.image).header
        depths[sample.sample_id] = float(header["dim"][3] * header["pixdim"][3])
    predictions = Predictions(samples=known, logits=np.zeros(len(known)), crop_depths=depths)
    labels = torch.from_numpy(predictions.labels)
    for name, auc in (("diameter", 0.919), ("crop_depth", 0.884)):
        scores = torch.from_numpy(predictions.baselines[name]) / 1000
        assert float(binary_auroc(scores, labels)) == pytest.approx(auc, abs=0.0006), name


def test_the_table_holds_what_was_written(tmp_path):
    splits = {
        "val": make_predictions([0.25, -3.5]),
        "test": make_predictions([1e4, -1e4, 0.1], [5.25, None, 0.0]),
    }
    file = tmp_path / "run" / "predictions.csv"
    write_predictions(file, splits)
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = ["sample_id", "patient_id", "split", "label", "probability", "logit"]
    # scores that need no network follow, empty where unknown
    assert list(rows[0]) == [*columns, "baseline_crop_depth", "baseline_diameter"]
    assert [row["baseline_diameter"] for row in rows] == ["", "", "5.25", "", "0.0"]
    assert {row["baseline_crop_depth"] for row in rows} == {""}
    assert [row["split"] for row in rows] == ["val"] * 2 + ["test"] * 3
    for name, predictions in splits.items():
        own = [row for row in rows if row["split"] == name]
        assert [row["sample_id"] for row in own] == [
            sample.sample_id for sample in predictions.samples
        ]
        assert [row["patient_id"] for row in own] == predictions.patients.tolist()
        assert [int(row["label"]) for row in own] == predictions.labels.tolist()
        assert [float(row["logit"]) for row in own] == pytest.approx(predictions.logits, abs=1e-6)
        assert [float(row["probability"]) for row in own] == pytest.approx(
            predictions.probabilities, abs=1e-6
        )


def test_a_missing_logit_is_refused_and_writes_no_table(tmp_path):
    predictions = Predictions(samples=make_predictions([0.0, 1.0]).samples, logits=np.array([0.0]))
    with pytest.raises(ValueError, match="shorter"):
        write_predictions(tmp_path / "predictions.csv", {"val": predictions})
    assert not list(tmp_path.iterdir())


def test_labelled_predictions_are_those_of_the_last_logit_of_labelled_samples():
    labelled = make_predictions([0.0, 0.0, 0.0]).samples
    samples = [labelled[0], replace(labelled[1], label=None), labelled[2]]
    logits = np.arange(6.0).reshape(3, 2)
    predictions = Predictions(samples=samples, logits=logits, calibration=Calibration(2.0, 0.0))
    assert predictions.labelled.logits.tolist() == [1.0, 5.0]
    assert predictions.labelled.labels.tolist() == [0, 0]
    assert predictions.labelled.calibration == Calibration(2.0, 0.0)
    assert predictions.probabilities.shape == (3, 2)
