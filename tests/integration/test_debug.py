"""Short trials of a training: `debug=...`, keys of Lightning's Trainer, and groups taken out."""

import csv
import json
import re

import pytest

from .conftest import TINY, command

SMALL = ("view.shape=[24,18,24]", "view.spacing_mm=15", "callbacks=checkpoint")


def test_a_batch_is_tried_and_no_result_is_written(workplace, trained):
    run = workplace / "debug" / "fdr"
    done = command("train.py", *TINY, *SMALL, "debug=fdr", f"hydra.run.dir={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "training and validation passed with 1 batch(es); nothing else ran." in done.stdout
    written = {file.name for file in run.iterdir()}
    assert not written & {"checkpoints", "metrics.json", "report.html", "predictions.csv"}
    assert not list(run.glob("events*"))


@pytest.mark.slow
def test_batches_are_learnt_by_heart(workplace, trained):
    run = workplace / "debug" / "overfit"
    settings = [text for text in TINY if "max_epochs" not in text]
    arguments = (*settings, *SMALL, "debug=overfit", "trainer.overfit_batches=1")
    done = command("train.py", *arguments, f"hydra.run.dir={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    loss = float(re.search(r"^train/loss (\S+) at the end", done.stdout, re.MULTILINE)[1])
    assert loss < 0.1


@pytest.mark.slow
def test_a_profile_lies_in_the_run_folder(workplace, trained):
    run = workplace / "debug" / "profile"
    arguments = (*TINY, *SMALL, "debug=profile", "trainer.detect_anomaly=true")
    done = command("train.py", *arguments, f"hydra.run.dir={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "run_training_epoch" in (run / "fit-profile.txt").read_text()
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 4


@pytest.mark.slow
def test_groups_are_taken_out_and_batches_limited(workplace, trained):
    run = workplace / "debug" / "limited"
    settings = ("~scheduler", "~augmentation", "logger=csv", "trainer.log_every_n_steps=1")
    limits = ("loader.batch_size=2", "trainer.limit_train_batches=2", "trainer.max_epochs=2")
    done = command(
        "train.py", *TINY, *SMALL, *settings, *limits, f"hydra.run.dir={run}", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    with (run / "csv" / "metrics.csv").open(newline="") as stream:
        steps = [int(row["step"]) for row in csv.DictReader(stream) if row["train/loss"]]
    # two epochs of two steps
    assert steps == [1, 3]
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 4


@pytest.mark.slow
def test_a_training_without_a_best_epoch_says_what_is_missing(workplace, trained):
    run = workplace / "debug" / "none"
    done = command("train.py", *TINY, *SMALL, "~callbacks", f"hydra.run.dir={run}", cwd=workplace)
    assert done.returncode == 2
    assert "callbacks: no epoch was kept as the best" in done.stderr
