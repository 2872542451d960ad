"""Comparison of two runs, from their tables to the printed lines."""

import json
from pathlib import Path

import numpy as np
import pytest

from lungcam.cli.commands import main
from lungcam.errors import InputError
from lungcam.metrics import auc, paired_difference
from lungcam.runtime.atomic import write_table

COLUMNS = ("sample_id", "patient_id", "split", "label", "probability", "logit")


def write_run(folder: Path, labels, scores, split="test", start=0) -> Path:
    rows = [
        (f"s{start + i}", f"p{(start + i) // 2}", split, label, score, 0)
        for i, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]
    write_table(
        folder / "predictions.csv", COLUMNS, rows=(dict(zip(COLUMNS, r, strict=True)) for r in rows)
    )
    return folder


@pytest.fixture
def cases():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    return labels, *((generator.random(60) + worth * labels).round(6) / 3 for worth in (0.8, 0.3))


def test_two_runs_are_compared_on_shared_samples(tmp_path, cases, capsys):
    labels, good, poor = cases
    first = write_run(tmp_path / "first", labels, good)
    second = write_run(tmp_path / "second", labels[10:], poor[10:], start=10)
    (first / "metrics.json").write_text('{"label_rule": "label 1: odd"}')
    out = tmp_path / "out"
    assert main(["compare", str(first), str(second), f"out={out}"]) == 0
    comparison = json.loads((out / "compare.json").read_text())
    people = np.array([f"p{i // 2}" for i in range(10, 60)])
    paired = paired_difference(labels[10:], good[10:], other_scores=poor[10:], patients=people)
    assert (comparison["n"], comparison["only_in_first"], comparison["only_in_second"]) == (
        50,
        10,
        0,
    )
    assert comparison["first"]["auc"] == auc(labels[10:], good[10:])
    assert comparison["difference"] == paired.difference
    assert comparison["difference_ci95"] == [paired.low, paired.high]
    assert comparison["p"] == paired.p
    printed = capsys.readouterr().out
    for words in (
        "50 test samples of 25 patients",
        "10 only in the first",
        "label 1: odd",
        f"{paired.difference:+.3f}",
        "p ",
        "Research use only",
    ):
        assert words in printed


def test_nothing_is_written_without_out(tmp_path, cases):
    labels, good, poor = cases
    first, second = (
        write_run(tmp_path / name, labels, scores) for name, scores in (("a", good), ("b", poor))
    )
    before = sorted(tmp_path.rglob("*"))
    assert main(["compare", str(first), str(second / "predictions.csv")]) == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y, s: {"labels": y, "scores": s, "start": 1000}, "shares no test sample"),
        (lambda y, s: {"labels": 1 - y, "scores": s}, "sample s0 has label 1, but 0"),
        (
            lambda y, s: {"labels": y, "scores": s, "split": "val"},
            "split=test; it has val",
        ),
        (lambda y, s: {"labels": y, "scores": s + 7}, "line 2 has no label or probability"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_in_one_line(tmp_path, cases, change, words):
    labels, good, poor = cases
    first = write_run(tmp_path / "first", labels, good)
    second = write_run(tmp_path / "second", **change(labels, poor))
    with pytest.raises(InputError, match=words) as refusal:
        main(["compare", str(first), str(second)])
    assert str(second) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_without_predictions_and_a_table_of_infer_are_refused(tmp_path, cases):
    run = write_run(tmp_path / "run", *cases[:2])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no predictions\.csv"):
        main(["compare", str(run), str(tmp_path / "empty")])
    other = tmp_path / "infer" / "predictions.csv"
    write_table(other, ("sample_id", "probability"), rows=[{"sample_id": "s0", "probability": 0.5}])
    with pytest.raises(InputError, match="no column patient_id, split, label"):
        main(["compare", str(run), str(other)])


@pytest.mark.parametrize("paths", [[], ["one"], ["one", "two", "three"]])
def test_other_than_two_runs_are_refused(paths):
    with pytest.raises(InputError, match="name two runs"):
        main(["compare", *paths])
