"""`python train.py resume=RUN_FOLDER` after kill -9."""

import os
import shutil
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from .conftest import ROOT, command
from .test_refusals import refused

pytestmark = pytest.mark.slow


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(workplace, trained):
    # one process loads torch, and each attempt is a fork of it
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.kills", workplace),
            # killed in an epoch, before a file is renamed, in another epoch and in the evaluation
            *("training_step:2", "replace:4", "training_step:7", "predict_step:2"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith("equal"), done.stdout
    finished = command("train.py", "resume=killed", cwd=workplace)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "this run is finished" in finished.stdout


def test_a_sweep_and_other_settings_are_refused(workplace, trained):
    (trained.folder / "metrics.json").rename(trained.folder / "kept.json")
    try:
        line = refused(command("train.py", "resume=run", "-m", cwd=workplace))
        assert "leave -m out" in line
        line = refused(command("train.py", "resume=run", "trainer.max_epochs=9", cwd=workplace))
        assert "trainer.max_epochs" in line
    finally:
        (trained.folder / "kept.json").rename(trained.folder / "metrics.json")


def test_a_run_of_the_previous_version_is_resumed(workplace, trained):
    run = workplace / "previous"
    shutil.copytree(trained.folder, run)
    (run / "metrics.json").unlink()
    config = OmegaConf.load(run / ".hydra" / "config.yaml")
    config.explain.benchmark = config.explain.erase = False
    config.data._target_ = "lungcam.cohorts.phantom.phantom_cohort"
    config.transforms.threshold._target_ = "lungcam.transforms.threshold.HUThreshold"
    config.callbacks.localisation = {
        "_target_": "lungcam.callbacks.Localisation",
        "layer": "${explain.layer}",
        "method": "${explain.method}",
    }
    OmegaConf.save(config, run / ".hydra" / "config.yaml")
    done = command("train.py", "resume=previous", cwd=workplace)
    assert done.returncode == 0, done.stderr
    for line in (
        "lungcam.cohorts.phantom.phantom_cohort is now lungcam.phantom.phantom_cohort",
        "lungcam.transforms.threshold.HUThreshold is now lungcam.transforms.HUThreshold",
        "lungcam.callbacks.Localisation is ignored",
    ):
        assert done.stdout.count(line) == 1
    predictions = (trained.folder / "predictions.csv").read_bytes()
    assert (run / "predictions.csv").read_bytes() == predictions


def test_settings_of_a_removed_callback_are_ignored(workplace):
    arguments = ("callbacks.localisation.layer=conv2", "~callbacks.localisation", "seed=-1")
    done = command("train.py", *arguments, cwd=workplace)
    assert "callbacks.localisation is ignored" in done.stdout
    assert refused(done).startswith("lungcam: seed=-1")
