"""One small training run that several tests look at."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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


@functools.cache
def _loaded() -> subprocess.Popen:
    """The process that commands are forked from."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("loaded.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def command(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """Run an entry script as a user would, from another folder."""
    with tempfile.TemporaryDirectory() as folder:
        told = [Path(folder) / name for name in ("out", "err")]
        asked = {
            "script": str(ROOT / script),
            "arguments": [str(one) for one in arguments],
            "cwd": str(cwd),
            "out": str(told[0]),
            "err": str(told[1]),
        }
        print(json.dumps(asked), file=_loaded().stdin, flush=True)
        code = int(_loaded().stdout.readline())
        return subprocess.CompletedProcess(arguments, code, *(one.read_text() for one in told))


@pytest.fixture(scope="session", autouse=True)
def _ended() -> Iterator[None]:
    """End that process, too."""
    yield
    if _loaded.cache_info().currsize:
        with _loaded() as process:
            process.stdin.close()


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
