"""One small training run that several tests look at."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# enough phantoms for patients of both labels on every side; small enough for a test
TINY = (
    "data.n=16",
    "data.matrix=96",
    "split.val=0.25",
    "split.test=0.25",
    "trainer.max_epochs=1",
    "trainer.gpus=0",
    "render.size=160",
)


@dataclass(frozen=True)
class Run:
    """A finished training run."""

    folder: Path
    printed: str


def command(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    """Run an entry script as a user would, from another folder."""
    return subprocess.run(
        [sys.executable, ROOT / script, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    """Folder in which all commands run, so that they share the phantoms."""
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(scope="session")
def trained(workplace: Path) -> Run:
    """A run of `python train.py model=small3d` on tiny phantoms."""
    done = command(
        "train.py",
        "model=small3d",
        *TINY,
        "explain.benchmark=true",
        "explain.erase=true",
        "hydra.run.dir=run",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    return Run(workplace / "run", done.stdout)
