"""A training run for notebooks, and the places that a search has found."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from lungcam.api import Candidate, Prediction, Run
from lungcam.errors import InputError

METRICS = {
    "val": {"auc": 0.75, "auc_ci95": None},
    "test": {"auc": 0.8125, "auc_ci95": [0.5, 1.0]},
    "label_rule": "label 1: <malignant>",
    "score": "auc",
}
PLACE = {
    "center_ras_mm": [10.5, -20.0, 30.25],
    "probability": 0.5,
    "nodule": 0.9,
    "rating": 0.6,
    "rating_of_each_net": [0.6],
    "logit": 0.4,
    "diameter_mm": None,
    "side": "left",
    "third": "upper",
    "pleura_mm": 7.5,
}


def test_a_run_is_described_by_its_test(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    run = Run(tmp_path)
    assert repr(run) == f"<Run {tmp_path}: test auc 0.812 (0.500 to 1.000)>"
    assert run.score == 0.75
    html = run._repr_html_()
    assert "&lt;malignant&gt;" in html
    assert "0.812 " in html
    assert "Research use only" in html


def test_a_run_that_is_not_finished_says_so():
    run = Run(Path("nowhere"))
    assert repr(run) == "<Run nowhere: not finished>"
    assert "not finished" in run._repr_html_()
    with pytest.raises(InputError, match="the run is not finished"):
        _ = run.metrics


def prediction(**record) -> Prediction:
    return Prediction(record=record, scan=None, ensemble=SimpleNamespace(mark=None), computed=None)


def test_candidates_are_objects_of_one_line():
    (candidate,) = prediction(candidates=[PLACE]).candidates
    assert candidate == Candidate(
        center_mm=(10.5, -20.0, 30.25),
        probability=0.5,
        nodule=0.9,
        rating=0.6,
        diameter_mm=None,
        side="left",
        third="upper",
        pleura_mm=7.5,
    )
    assert repr(candidate) == "<Candidate left upper at 10, -20, 30 mm: 0.500>"
    (wide,) = prediction(candidates=[PLACE | {"diameter_mm": 12.4}]).candidates
    assert repr(wide).endswith("0.500, 12 mm>")


def test_without_a_search_there_are_no_candidates():
    assert prediction().candidates == []
