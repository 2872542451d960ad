"""Trained nets for benchmarks that need a checkpoint and not a good one."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import ROOT

PHANTOMS = (
    "data.n=16",
    "data.matrix=96",
    "split.val=0.25",
    "split.test=0.25",
    "trainer.max_epochs=1",
    "render.size=160",
)


def train_briefly(folder: Path, *settings: str) -> Path:
    """Train a net for an epoch on 16 small phantoms.

    Args:
        folder: Folder for the run and its cache.
        settings: Further arguments of `train.py`.

    Returns:
        The run folder.
    """
    run = folder / "run"
    command = [sys.executable, str(ROOT / "train.py"), *PHANTOMS, *settings, f"hydra.run.dir={run}"]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return run
