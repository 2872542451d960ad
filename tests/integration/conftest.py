"""Commands as a user runs them, and one small training run for several tests."""

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
# enough phantoms for patients of both labels in every split, and few enough for a test
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
    """Start the process from which commands are forked."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("loaded.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def command(
    script: str, *arguments: object, cwd: Path, **environment: str
) -> subprocess.CompletedProcess:
    """Run an entry script as a user would, from another folder, with these variables set."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        job = {
            "script": str(ROOT / script),
            "arguments": list(map(str, arguments)),
            "cwd": str(cwd),
            "out": str(out),
            "err": str(err),
            "environment": environment,
        }
        print(json.dumps(job), file=_loaded().stdin, flush=True)
        code = int(_loaded().stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


@pytest.fixture(scope="session", autouse=True)
def _process_ended() -> Iterator[None]:
    """End the process from which commands are forked."""
    yield
    if _loaded.cache_info().currsize:
        with _loaded() as process:
            process.stdin.close()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    """Return the folder in which all commands run, so that they share the phantoms."""
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(scope="session")
def trained(workplace: Path) -> Run:
    """Run `python train.py model=small3d` on tiny phantoms."""
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
