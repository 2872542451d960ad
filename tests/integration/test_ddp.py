"""`trainer=ddp`: one training by several processes."""

import csv
import json
import math
import os
import subprocess
import sys

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from .conftest import ROOT, TINY, command

SMALL = (
    *("view.shape=[24,18,24]", "view.spacing_mm=15", "callbacks=checkpoint", "trainer=ddp"),
    # exact in training too
    "trainer.precision=32-true",
)


def test_three_processes_train_one_net_in_one_folder(workplace, trained):
    done = command(
        "train.py", *TINY, *SMALL, "trainer.devices=3", "hydra.run.dir=ddp/${now:%f}", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    (run,) = (workplace / "ddp").iterdir()
    with (run / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    # distributed as in training, two of them would be predicted twice
    assert len(rows) == 4
    metrics = json.loads((run / "metrics.json").read_text())
    # the metrics of all processes in training equal those of one process afterwards
    events = EventAccumulator(str(run))
    events.Reload()
    signs = [(float(row["logit"]), 1 if row["label"] == "1" else -1) for row in rows]
    loss = sum(math.log1p(math.exp(-sign * logit)) for logit, sign in signs) / len(signs)
    assert math.isclose(events.Scalars("val/loss")[-1].value, loss, rel_tol=1e-4)
    assert math.isclose(events.Scalars("val/auc")[-1].value, metrics["val"]["auc"], rel_tol=1e-6)
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    # 8 training samples, up to 4 a step in each
    assert checkpoint["global_step"] == 1


def test_processes_of_torchrun_share_a_folder_and_the_samples(workplace, trained):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"),
            *(ROOT / "train.py", *TINY, *SMALL, "hydra.run.dir=torchrun/${now:%f}"),
        ],
        cwd=workplace,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    (run,) = (workplace / "torchrun").iterdir()
    assert (run / "metrics.json").exists()
    assert done.stdout.count("test AUC") == 1
