"""Cross-validation of finished folds, pooled from their folders alone."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import rankdata
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.metrics import Calibration
from lungcam.runs.cross_validate import cross_validate
from lungcam.tasks.predictions import Predictions, write_predictions

PATIENTS, FOLDS = 40, 4
CALIBRATIONS = [Calibration(0.5 + fold / 4, fold - 1.5) for fold in range(FOLDS)]


def samples() -> list[Sample]:
    """Return two samples of each patient, of 3 to 42 mm."""
    return [
        Sample(
            sample_id=f"s{i}",
            patient_id=f"p{i // 2}",
            image=Path("x"),
            label=int(i // 2 % 3 == 0),
            label_source="",
            diameter_mm=3.0 + i / 2,
        )
        for i in range(2 * PATIENTS)
    ]


def logits(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.array([sample.label for sample in samples()]) + generator.normal(0, 1, 2 * PATIENTS)


def fold_of(sample: Sample) -> int:
    return int(sample.patient_id[1:]) % FOLDS


def write_folds(folder: Path, seed: int, name: str = "fold_{fold}") -> np.ndarray:
    """Write a finished run for each fold, and return all calibrated logits in order."""
    cohort, uncalibrated = samples(), logits(seed)
    calibrated = np.empty(len(cohort))
    for fold, calibration in enumerate(CALIBRATIONS):
        rows = [i for i, sample in enumerate(cohort) if fold_of(sample) == fold]
        tested = Predictions(
            samples=[cohort[i] for i in rows],
            logits=uncalibrated[rows],
            crop_depths={},
            calibration=calibration,
        )
        calibrated[rows] = calibration.slope * uncalibrated[rows] + calibration.intercept
        run = folder / name.format(fold=fold, seed=seed)
        write_predictions(run / "predictions.csv", {"test": tested})
        metrics = {"val": {"auc": 0.6 + fold / 10}, "label_rule": "a rule", "cohort_notes": []}
        (run / "metrics.json").write_text(json.dumps(metrics))
    return calibrated


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return torchmetrics' AUC of the ranks: it would take scores in [0, 1] for probabilities."""
    ranks = rankdata(scores) / (len(scores) + 1)
    return float(binary_auroc(torch.from_numpy(ranks), torch.from_numpy(labels)))


def read(file: Path) -> dict[str, dict[str, str]]:
    with file.open(newline="") as stream:
        return {row["sample_id"]: row for row in csv.DictReader(stream)}


def test_pooled_figures_equal_those_of_all_samples(composer, tmp_path, capsys):
    run = tmp_path / "run"
    scores = write_folds(run, seed=0)
    mean_auc = cross_validate(composer("train", f"cv.folds={FOLDS}", f"resume={run}"))
    assert mean_auc == pytest.approx(0.75)
    cohort = samples()
    labels = np.array([sample.label for sample in cohort])
    metrics = json.loads((run / "metrics.json").read_text())
    test = metrics["test"]
    ranked = torch.from_numpy(expit(scores)), torch.from_numpy(labels)
    average_precision = float(binary_average_precision(*ranked))
    assert (test["n"], test["n_positive"], test["n_patients"]) == (80, labels.sum(), PATIENTS)
    assert test["auc"] == pytest.approx(roc_auc(labels, scores))
    assert test["pr_auc"] == pytest.approx(average_precision)
    assert test["brier"] == pytest.approx(np.mean((expit(scores) - labels) ** 2))
    each = [
        roc_auc(*(x[[fold_of(sample) == fold for sample in cohort]] for x in (labels, scores)))
        for fold in range(FOLDS)
    ]
    assert test["folds"]["auc"] == pytest.approx(each)
    assert test["folds"]["auc_mean"] == pytest.approx(np.mean(each))
    assert test["folds"]["auc_sd"] == pytest.approx(np.std(each, ddof=1))
    diameter = np.array([sample.diameter_mm for sample in cohort])
    assert test["baselines"]["auc_diameter"] == pytest.approx(roc_auc(labels, diameter))
    middle = (diameter >= 6) & (diameter <= 15)
    among = test["diameter_6_to_15_mm"]
    assert among["n"] == middle.sum() == 19
    assert among["auc"] == pytest.approx(roc_auc(labels[middle], scores[middle]))
    assert (metrics["folds"], metrics["seeds"], metrics["label_rule"]) == (FOLDS, [0], "a rule")

    rows = read(run / "predictions.csv")
    assert set(rows) == {sample.sample_id for sample in cohort}
    for sample, score in zip(cohort, scores, strict=True):
        row = rows[sample.sample_id]
        assert (row["patient_id"], row["split"]) == (sample.patient_id, "test")
        assert int(row["label"]) == sample.label
        assert float(row["probability"]) == pytest.approx(expit(score), abs=1e-8)
        assert float(row["logit"]) == pytest.approx(score, abs=2e-6)
        assert float(row["baseline_diameter"]) == sample.diameter_mm
        assert row["baseline_crop_depth"] == ""
    printed = capsys.readouterr().out
    assert f"AUC of 80 samples in 4 folds, pooled: {test['auc']:.3f}" in printed
    assert "among 19 nodules of 6 to 15 mm" in printed


def test_repeats_are_averaged_and_their_spread_is_reported(composer, tmp_path, capsys):
    run = tmp_path / "run"
    each = [write_folds(run, seed, "seed_{seed}_fold_{fold}") for seed in (5, 6)]
    settings = (f"cv.folds={FOLDS}", "cv.repeats=2", "seed=5", f"resume={run}")
    cross_validate(composer("train", *settings))
    labels = np.array([sample.label for sample in samples()])
    metrics = json.loads((run / "metrics.json").read_text())
    aucs = [roc_auc(labels, scores) for scores in each]
    assert metrics["seeds"] == [5, 6]
    assert metrics["test"]["seeds"]["auc"] == pytest.approx(aucs)
    assert metrics["test"]["seeds"]["auc_sd"] == pytest.approx(np.std(aucs, ddof=1))
    mean = np.mean(each, axis=0)
    assert metrics["test"]["auc"] == pytest.approx(roc_auc(labels, mean))
    rows = read(run / "predictions.csv")
    assert [float(rows[f"s{i}"]["probability"]) for i in range(80)] == pytest.approx(
        expit(mean), abs=1e-8
    )
    assert "averaged over 2 seeds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["cv.folds=1"], "cv.folds=1: give a number of folds, 2 or more."),
        (["cv.folds=2.5"], "cv.folds=2.5: give a number of folds, 2 or more."),
        (["cv.folds=official"], "cv.folds=official: give a number of folds, 2 or more."),
        (["cv.folds=true"], "cv.folds=True: give a number of folds, 2 or more."),
        (["cv.folds=2", "cv.repeats=0"], "cv.repeats=0: give 1 or more."),
        (
            ["cv.folds=2", "split.manifest=a.csv"],
            "split.manifest: a manifest is a single split; leave it out of cv.folds.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_made(composer, tmp_path, settings, message):
    with pytest.raises(InputError) as caught:
        cross_validate(composer("train", *settings))
    assert str(caught.value) == message
    assert not (tmp_path / "run").exists()


def test_only_resume_keeps_a_finished_fold(composer, tmp_path):
    """Otherwise its net may have been trained with other settings."""
    run = tmp_path / "run"
    write_folds(run, seed=0)
    settings = (f"cv.folds={FOLDS}", "data=table", "data.table=nowhere.csv")
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        cross_validate(composer("train", *settings))
    assert not (run / "metrics.json").exists()
    assert cross_validate(composer("train", *settings, f"resume={run}")) == pytest.approx(0.75)
