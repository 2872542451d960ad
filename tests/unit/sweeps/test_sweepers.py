"""Tests of sweeps over a cheap application: failed runs, refusals and resumed searches."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).with_name("app.py")
ROOT = Path(__file__).parents[3]
QUIET = ("hydra/hydra_logging=none", "hydra/job_logging=none")


def app(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, APP, *arguments, *QUIET],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_grid_continues_after_failed_runs_and_lists_them(tmp_path):
    done = app(
        tmp_path,
        *("-m", "hydra.sweep.dir=grid", "optimizer.lr=1e-4,1e-3", "loader.batch_size=1,2,3,4"),
        *("raises=1", "nan=2", "refuses=3"),
    )
    assert done.returncode == 0, done.stderr
    table = rows(tmp_path / "grid")
    assert [row["job"] for row in table] == ["7", "3", "0", "1", "2", "4", "5", "6"]
    assert [row["status"] for row in table] == ["done"] * 2 + ["failed"] * 6
    assert [float(row["objective"]) for row in table[:2]] == pytest.approx([1.0, 0.9])
    assert table[0]["optimizer.lr"] == "0.001"
    assert table[0]["loader.batch_size"] == "4"
    assert table[0]["folder"] == "7"
    reasons = [row["reason"] for row in table[2:5]]
    assert reasons[0] == "ValueError: not 1, never"
    assert "nan" in reasons[1]
    assert reasons[2] == "loader.batch_size=3: give another."
    assert "2 of 8 runs gave a result" in done.stdout
    for number in (0, 1, 2, 4, 5, 6):
        assert f"failed: job {number} " in done.stdout
    # the traceback of a defect is in error.txt, the terminal has one line
    assert "raise ValueError" in (tmp_path / "grid" / "0" / "error.txt").read_text()
    assert "Traceback" not in done.stderr
    assert "job 0 failed: ValueError: not 1, never" in done.stderr
    assert (tmp_path / "grid" / "sweep.png").stat().st_size > 10_000


@pytest.mark.parametrize(("key", "code"), [("refuses", 2), ("raises", 1)])
def test_a_sweep_without_any_result_has_the_exit_code_of_its_failures(tmp_path, key, code):
    done = app(tmp_path, "-m", "optimizer.lr=1,2", f"{key}=4", "hydra.sweep.dir=none")
    assert done.returncode == code
    assert len(rows(tmp_path / "none")) == 2
    if code == 2:
        assert "all 2 runs failed" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    else:
        assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-m", "optimizer.rate=1,2"), "rate"),
        (("hparams_search=tpe", "-m", "optimizer.rate=interval(1,2)"), "rate"),
        (("-m", "optimizer.lr=interval(0,1)"), "hparams_search=tpe"),
        (("hparams_search=tpe", "-m", "optimizer.lr=tag(log,interval(0,1))"), "optimizer.lr"),
        (("hparams_search=tpe",), "add -m"),
        (("-m", "hydra/launcher=nosuch", "seed=1,2"), "nosuch"),
    ],
)
def test_an_impossible_sweep_is_refused_at_once(tmp_path, arguments, message):
    done = app(tmp_path, *arguments, "hydra.sweep.dir=sweep", "hydra.run.dir=run")
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not (tmp_path / "sweep").exists()
    assert not (tmp_path / "runs").exists()


SEARCH = ("hparams_search=tpe", "-m", "hydra.sweep.dir=search", "nan=8")


def finished_trials(folder: Path) -> list[tuple[str, ...]]:
    """Return the settings and result of each trial, in the order of the jobs."""
    keys = ("optimizer.lr", "optimizer.weight_decay", "loader.batch_size", "objective")
    in_order = sorted(rows(folder / "search"), key=lambda row: int(row["job"]))
    return [tuple(row[key] for key in keys) for row in in_order]


@pytest.mark.slow
def test_a_search_killed_twice_ends_like_one_that_was_not(tmp_path):
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert app(whole, *SEARCH, "hydra.sweeper.n_trials=14").returncode == 0
    # n_trials counts the whole search: two trials first, then more, killed twice and resumed
    assert app(killed, *SEARCH, "hydra.sweeper.n_trials=2").returncode == 0
    for run in ("4", "13"):
        done = app(killed, *SEARCH, "hydra.sweeper.n_trials=14", KILLED_IN_RUN=run)
        assert done.returncode == -9, done.stderr
    done = app(killed, *SEARCH, "hydra.sweeper.n_trials=14")
    assert done.returncode == 0, done.stderr
    assert "continues after 11 of 14 trials" in done.stdout
    assert len(finished_trials(killed)) == len(set(finished_trials(killed))) == 14
    assert finished_trials(killed) == finished_trials(whole)
    assert any(not objective for *_, objective in finished_trials(killed))
    # no finished trial ran a second time, and no folder was used twice
    assert (killed / "runs").stat().st_size == 16
    assert len(list((killed / "search").glob("*/.hydra"))) == 16
    again = app(killed, *SEARCH, "hydra.sweeper.n_trials=14")
    assert (again.returncode, (killed / "runs").stat().st_size) == (0, 16)
    # objectives of other settings could not be compared
    other = app(killed, *SEARCH, "hydra.sweeper.n_trials=14", "seed=1")
    assert other.returncode == 2
    assert "seed: the search in search was started with another setting" in other.stderr
