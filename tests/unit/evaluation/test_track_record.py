"""Track records: what a checkpoint says of its training and its test."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lungcam.cohorts import Cohort, Sample
from lungcam.errors import InputError
from lungcam.evaluation.track_record import (
    POOLED,
    TEST,
    TRAINING,
    joint_record,
    read_track_record,
    score_record,
    training_record,
)
from lungcam.tasks import Malignancy
from lungcam.training.checkpoint_schema import check_schema

FIGURES = {"auc": np.float64(0.91), "auc_ci95": [0.85, 0.96], "n": 60, "n_positive": 21}
TRAITS = {"pixel_mm": 0.7, "slice_mm": 1.0}


def sample(number, label):
    name = f"s{number}"
    return Sample(
        sample_id=name,
        patient_id=f"p{number // 2}",
        image=Path(name),
        label=label,
        label_source="",
    )


def metadata():
    splits = {
        "train": [sample(number, number % 2) for number in range(6)],
        "val": [sample(8, 1)],
    }
    cohort = Cohort([*splits["train"], *splits["val"]], "label 1: x", name="NLST")
    traits = {item.sample_id: TRAITS for items in splits.values() for item in items}
    training = training_record(cohort, splits, traits=traits, synthetic=False)
    return {TRAINING: training, TEST: score_record(Malignancy(), FIGURES)}


def test_what_was_written_is_read_back(tmp_path):
    torch.save(metadata(), tmp_path / "file")
    # plain values alone: nothing of numpy
    read = torch.load(tmp_path / "file", weights_only=True)
    record = read_track_record(read)
    assert record.training_sentence == (
        "Trained on 6 samples of 3 people from NLST, 3 of them positive."
    )
    assert record.score.sentence == (
        "On 60 samples that it had not seen, 21 of them positive: AUC 0.910 (0.850 to 0.960)."
    )
    assert record.inputs == {"pixel_mm": [0.7, 0.7], "slice_mm": [1.0, 1.0]}
    assert not record.score.is_chance


def test_the_pooled_score_of_a_cross_validation_comes_first():
    pooled = score_record(Malignancy(), FIGURES | {"auc": 0.88}, folds=5)
    record = read_track_record({**metadata(), POOLED: pooled})
    assert record.score.sentence.startswith("In a cross-validation of 5 folds, on 60 samples")
    assert "AUC 0.880" in record.score.sentence


def test_the_best_single_feature_stands_with_the_score():
    features = {
        "age": {"baseline_auc": 0.6, "baseline_auc_ci95": [0.5, 0.7]},
        "diameter": {"baseline_auc": 0.9, "baseline_auc_ci95": [0.85, 0.94]},
        "texture": {"baseline_auc": np.nan, "baseline_auc_ci95": [None, None]},
    }
    score = score_record(Malignancy(), FIGURES | {"against_baselines": features})
    assert read_track_record({TEST: score}).score.sentence.endswith(
        "AUC 0.910 (0.850 to 0.960); diameter alone has 0.900 (0.850 to 0.940)."
    )


@pytest.mark.parametrize(
    ("interval", "chance"), [([0.45, 0.8], True), ([0.51, 0.8], False), ([None, None], True)]
)
def test_an_interval_around_one_half_is_chance(interval, chance):
    figures = FIGURES | {"auc_ci95": interval}
    record = read_track_record({TEST: score_record(Malignancy(), figures)})
    assert record.score.is_chance is chance


def test_nets_are_joined_by_what_holds_for_all():
    first = read_track_record(metadata())
    other = metadata()
    other[TRAINING] = other[TRAINING] | {
        "n": 4,
        "synthetic": True,
        "inputs": {"slice_mm": [2.0, 5.0], "lungs_ml": [3000.0, 5000.0]},
    }
    other[TEST] = other[TEST] | {"value": 0.5}
    joint = joint_record([first, read_track_record(other)])
    assert joint.n == 4
    assert joint.synthetic
    assert joint.inputs == {"slice_mm": [1.0, 5.0]}
    assert joint.score is None
    assert joint_record([first]) is first


def test_earlier_checkpoints_say_nothing():
    record = read_track_record({})
    assert record.n is None
    assert record.score is None
    assert record.training_sentence == "The checkpoint does not say what it was trained on."


@pytest.mark.parametrize(
    "change",
    [
        {TRAINING: "NLST"},
        {TRAINING: {"cohort": 3}},
        {TRAINING: {"synthetic": "no"}},
        {TRAINING: {"n": -1}},
        {TRAINING: {"inputs": {"slice_mm": [1.0]}}},
        {TRAINING: {"inputs": {"slice_mm": [3.0, 1.0]}}},
        {TRAINING: {"inputs": {"kernels": [1]}}},
        {TEST: {"name": "AUC"}},
        {TEST: {"name": "AUC", "n": 3, "value": "high"}},
        {POOLED: {"name": "AUC", "n": 3, "ci95": [0.1, 0.2, 0.3]}},
        {POOLED: {"name": "AUC", "n": 3, "baseline": "diameter"}},
        {POOLED: {"name": "AUC", "n": 3, "baseline": {"name": "diameter"}}},
    ],
)
def test_damaged_records_are_refused(change):
    whole = {
        "label_rule": "",
        "config": {
            "model": {"_target_": "a"},
            "transforms": {"view": {"_target_": "b"}},
            "explain": {"layer": "c"},
        },
    }
    check_schema(Path("good.ckpt"), whole | metadata())
    with pytest.raises(InputError, match=r"bad\.ckpt: (training|tested|cross_validated)"):
        check_schema(Path("bad.ckpt"), whole | metadata() | change)
