"""Tests of the report of a sweep."""

import csv
import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from lungcam.sweeps.report import _slice, describe_sweep, draw_sweep, write_sweep
from lungcam.sweeps.trial import Trial, best_first, failed, varied_keys


def trials(folder):
    """Return three runs with a result and a failed one, with their metrics.json."""
    runs = []
    for number, value in enumerate((0.7, None, 0.9, 0.7)):
        overrides = {"data": "phantom", "optimizer.lr": f"0.00{number}", "model.dropout": "0.2"}
        reason = "" if value else "the training diverged."
        runs.append(
            Trial(
                number=number,
                overrides=overrides,
                folder=folder / str(number),
                objective=value,
                reason=reason,
            )
        )
        if value:
            (folder / str(number)).mkdir(parents=True)
            figures = {"auc": value - 0.1, "auc_ci95": [0.5, 0.95], "baselines": {"auc_x": 0.4}}
            text = json.dumps({"val": {"auc": value}, "test": figures, "versions": {"torch": "2"}})
            (folder / str(number) / "metrics.json").write_text(text)
    return runs


def test_the_table_has_the_best_run_first_and_the_settings_of_each(tmp_path):
    write_sweep(tmp_path / "sweep.csv", trials(tmp_path))
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["2", "0", "3", "1"]
    assert rows[0] == {
        "job": "2",
        "status": "done",
        "objective": "0.9",
        "data": "phantom",
        "optimizer.lr": "0.002",
        "model.dropout": "0.2",
        "test_auc": "0.8",
        "test_auc_ci95_low": "0.5",
        "test_auc_ci95_high": "0.95",
        "val_auc": "0.9",
        "folder": "2",
        "reason": "",
    }
    assert (rows[3]["status"], rows[3]["test_auc"]) == ("failed", "")
    assert rows[3]["reason"] == "the training diverged."


def test_the_terminal_shows_only_the_settings_that_vary(tmp_path):
    lines = describe_sweep(trials(tmp_path)).splitlines()
    assert "3 of 4 runs" in lines[1]
    assert lines[2].split() == ["job", "val", "AUC", "test", "AUC", "(95", "%)", "optimizer.lr"]
    assert lines[3].split()[:3] == ["2", "0.900", "0.800"]
    assert lines[-1] == "failed: job 1 (optimizer.lr=0.001): the training diverged."


def test_a_logarithmic_setting_has_a_logarithmic_axis(tmp_path):
    # as few values as here would be drawn as choices
    scales = []
    for keys in ({"optimizer.lr"}, set()):
        axes = Figure().add_subplot()
        runs = [
            replace(trial, overrides={"optimizer.lr": f"1e-{trial.number + 2}"})
            for trial in trials(tmp_path / str(len(scales)))
        ]
        _slice(axes, runs, key="optimizer.lr", logarithmic="optimizer.lr" in keys)
        scales.append(axes.get_xscale())
    assert scales == ["log", "linear"]


def test_the_figure_is_drawn_for_any_runs(tmp_path):
    runs = trials(tmp_path)
    named = [replace(trial, overrides={"model": "ab"[trial.number % 2]}) for trial in runs]
    for selection in (runs, runs[1:2], named, [], runs * 20):
        for search in (False, True):
            draw_sweep(tmp_path / "sweep.png", selection, search=search)
            assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
            (tmp_path / "sweep.png").unlink()


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_every_run_is_ranked_or_failed(values):
    runs = [
        Trial(
            number=i,
            overrides={},
            folder=None,
            objective=value,
            reason="diverged" if value is None else "",
        )
        for i, value in enumerate(values)
    ]
    ranked = best_first(runs)
    assert sorted([*ranked, *failed(runs)], key=lambda trial: trial.number) == runs
    objectives = [trial.objective for trial in ranked]
    assert objectives == sorted(objectives, reverse=True)


def test_a_key_that_a_run_lacks_counts_as_varied():
    runs = [
        Trial(number=0, overrides={"a": "1", "b": "2"}, folder=None),
        Trial(number=1, overrides={"a": "1"}, folder=None),
    ]
    assert varied_keys(runs) == ["b"]
