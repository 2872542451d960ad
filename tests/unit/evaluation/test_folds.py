"""A fold's folder, as its run wrote it, read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.evaluation.folds import read_fold, redirect_outputs, sibling_runs
from lungcam.metrics import Calibration
from lungcam.tasks.predictions import Predictions, scored, write_predictions


def answers(count: int) -> Predictions:
    dice = np.random.default_rng(count)
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
        logits=dice.normal(0, 3, count),
        crop_depths={"s1": 12.5},
        calibration=Calibration(0.7, -0.4),
    )


def test_a_folds_test_is_read_as_it_was_scored(tmp_path):
    predictions = answers(12)
    write_predictions(tmp_path / "predictions.csv", {"val": answers(5), "test": predictions})
    found, expected = read_fold(tmp_path), scored(predictions)
    assert np.array_equal(found.sample_ids, expected.sample_ids)
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.patients, expected.patients)
    # nine digits of the probability are kept
    assert np.allclose(found.scores, expected.scores, atol=1e-6)
    assert set(found.baselines) == set(expected.baselines)
    for name, known in expected.baselines.items():
        assert np.array_equal(found.baselines[name], known, equal_nan=True), name


def test_a_certain_answer_has_a_finite_score(tmp_path):
    predictions = replace(answers(4), logits=np.array([-500.0, 500.0, 0.0, 1.0]))
    write_predictions(tmp_path / "predictions.csv", {"test": predictions})
    scores = read_fold(tmp_path).scores
    assert np.isfinite(scores).all()
    assert scores.argsort().tolist() == [0, 2, 3, 1]


def test_a_folder_without_a_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"predictions\.csv: there is no such file"):
        read_fold(tmp_path)


def test_a_fold_stands_in_for_its_run_until_it_ends(tmp_path):
    # registers the resolver of ${hydra:}
    setup_globals()
    HydraConfig.instance().cfg = OmegaConf.create(
        {"hydra": {"runtime": {"output_dir": "outer"}}}, flags={"readonly": True}
    )
    config = OmegaConf.create({"root": "${hydra:runtime.output_dir}/logs"})
    try:
        with redirect_outputs(tmp_path / "fold_1"):
            assert config.root == f"{tmp_path}/fold_1/logs"
        assert config.root == "outer/logs"
        with pytest.raises(RuntimeError, match="stopped"), redirect_outputs(tmp_path):
            raise RuntimeError("stopped")
        assert config.root == "outer/logs"
    finally:
        HydraConfig.instance().cfg = None


def finished(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir()
        (root / name / "metrics.json").touch()


def test_beside_a_fold_lie_the_finished_ones(tmp_path):
    finished(tmp_path, "fold_0", "fold_1", "figures")
    (tmp_path / "fold_2").mkdir()
    assert sibling_runs(tmp_path / "fold_2") == [tmp_path / "fold_0", tmp_path / "fold_1"]
    assert sibling_runs(tmp_path / "fold_1") == [tmp_path / "fold_0"]
    assert sibling_runs(tmp_path / "figures") == []


def test_beside_a_fold_of_several_seeds_lies_the_same_fold(tmp_path):
    finished(tmp_path, "seed_0_fold_0", "seed_0_fold_1", "seed_1_fold_0", "seed_1_fold_1")
    assert sibling_runs(tmp_path / "seed_1_fold_1") == [tmp_path / "seed_0_fold_1"]
