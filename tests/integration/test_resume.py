"""`python train.py resume=RUN_FOLDER` after kill -9."""

import os
import subprocess
import sys

from .conftest import ROOT, command
from .test_refusals import refused


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
