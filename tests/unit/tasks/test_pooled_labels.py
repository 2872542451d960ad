"""Predictions of a fold are read as they were written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.metrics import Calibration, pool_folds
from lungcam.tasks.pooled_labels import read_fold
from lungcam.tasks.predictions import Predictions, write_predictions


def make_predictions(count: int) -> Predictions:
    generator = np.random.default_rng(count)
    samples = [
        Sample(
            sample_id=f"s{i}",
            patient_id=f"p{i // 2}",
            image=Path("x"),
            label=i % 2,
            label_source="",
            diameter_mm=float(i) if i % 3 else None,
            features={"age": 60.5 + i} if i % 4 else {},
        )
        for i in range(count)
    ]
    return Predictions(
        samples=samples,
        logits=generator.normal(0, 3, count),
        crop_depths={"s1": 12.5},
        calibration=Calibration(0.7, -0.4),
    )


def test_test_predictions_of_a_fold_are_read_on_the_calibrated_scale(tmp_path):
    predictions = make_predictions(12)
    splits = {"val": make_predictions(5), "test": predictions}
    write_predictions(tmp_path / "predictions.csv", splits)
    fold = read_fold(tmp_path)
    assert fold.sample_ids.tolist() == [sample.sample_id for sample in predictions.samples]
    assert np.array_equal(fold.labels, predictions.labels)
    assert np.array_equal(fold.patients, predictions.patients)
    # the table has nine digits of the probability
    assert np.allclose(fold.scores, predictions.calibration.logit(predictions.logits), atol=1e-6)
    assert set(fold.baselines) == set(predictions.baselines)
    for name, scores in predictions.baselines.items():
        assert np.array_equal(fold.baselines[name], scores, equal_nan=True), name


def test_a_fold_is_pooled_on_the_calibrated_scale(tmp_path):
    predictions = replace(
        make_predictions(3), logits=np.array([0.0, 2.0, -2.0]), calibration=Calibration(0.5, 1)
    )
    write_predictions(tmp_path / "predictions.csv", {"test": predictions})
    fold = read_fold(tmp_path)
    assert fold.scores == pytest.approx([1.0, 2.0, 0.0], abs=1e-8)
    assert fold.sample_ids.tolist() == ["s0", "s1", "s2"]
    assert pool_folds([fold])["against_baselines"]["diameter"]["n"] == 2


def test_probabilities_of_0_and_1_have_finite_scores(tmp_path):
    predictions = replace(make_predictions(4), logits=np.array([-500.0, 500.0, 0.0, 1.0]))
    write_predictions(tmp_path / "predictions.csv", {"test": predictions})
    scores = read_fold(tmp_path).scores
    assert np.isfinite(scores).all()
    assert scores.argsort().tolist() == [0, 2, 3, 1]


def test_a_folder_without_a_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"predictions\.csv: there is no such file"):
        read_fold(tmp_path)
