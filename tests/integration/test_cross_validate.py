"""`python train.py cv.folds=2`: a run folder for each fold, pooled, and resumed."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, TINY, command

pytestmark = pytest.mark.slow


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_patient_is_tested_once_and_a_lost_fold_is_trained_again(workplace):
    settings = ("model=small3d", *TINY, "callbacks=checkpoint", "cv.folds=2", "hydra.run.dir=cv")
    done = command("train.py", *settings, cwd=workplace)
    assert done.returncode == 0, done.stderr
    run = workplace / "cv"
    tested = [
        {
            row["patient_id"]
            for row in read(run / f"fold_{fold}" / "splits.csv")
            if row["split"] == "test"
        }
        for fold in range(2)
    ]
    patients = {row["patient_id"] for row in read(run / "fold_0" / "samples.csv")}
    assert tested[0] | tested[1] == patients
    assert not tested[0] & tested[1]
    assert {row["patient_id"] for row in read(run / "predictions.csv")} == patients
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["n"] == len(patients) == 16
    assert f"AUC of 16 samples in 2 folds, pooled: {metrics['test']['auc']:.3f}" in done.stdout
    for fold in range(2):
        for name in (
            "checkpoints/best.ckpt",
            "metrics.json",
            "predictions.csv",
            "report.html",
            ".hydra/config.yaml",
        ):
            assert (run / f"fold_{fold}" / name).is_file()
    # each fold logs into its own folder
    assert not (run / "checkpoints").exists()

    before = {name: (run / name).read_bytes() for name in ("metrics.json", "predictions.csv")}
    first = (run / "fold_0" / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    shutil.rmtree(run / "fold_1")
    for name in before:
        (run / name).unlink()
    done = command("train.py", "resume=cv", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "fold 1 of 2" in done.stdout
    assert "fold 0 of 2" not in done.stdout
    assert (run / "fold_0" / "checkpoints" / "best.ckpt").stat().st_mtime_ns == first
    assert {name: (run / name).read_bytes() for name in before} == before

    done = subprocess.run(
        [sys.executable, "-m", "lungcam", "compare", run, run],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "16 test samples of 16 patients are in both" in done.stdout
    assert "first less second: +0.000" in done.stdout
