"""The tutorial's commands work in the order in which it gives them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
# make the runs small; the tutorial's own settings stay
SMALL = "split.val=0.25 split.test=0.25 trainer.max_epochs=1 callbacks=checkpoint"
DEMO = f"python train.py model=small3d data=phantom data.n=16 data.matrix=96 {SMALL}"


def blocks() -> list[tuple[str, str]]:
    """Return the language and text of each block to be typed."""
    return re.findall(r"```(bash|python)\n(.*?)```", TUTORIAL, flags=re.DOTALL)


def script() -> str:
    """Return the tutorial as one shell script, with a small run in place of the demo."""
    lines = ["set -e"]
    for language, text in blocks():
        if language == "python":
            lines += ["python - <<'PYTHON'", text, "PYTHON"]
            continue
        for line in text.splitlines():
            if line == "make demo":
                lines.append(DEMO)
            elif not line.startswith("source "):
                is_training = line.startswith("python train.py")
                lines.append(f"{line} {SMALL}" if is_training else line)
    return "\n".join(lines)


@pytest.mark.skipif(sys.platform == "win32", reason="the tutorial's commands are for a POSIX shell")
def test_the_tutorial_runs_from_beginning_to_end(tmp_path):
    for name in ("train.py", "infer.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    commands = script()
    assert commands.count("train.py") == 3
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "infer" / "phantom-0003" / "report.html").is_file()
    assert len(list(tmp_path.glob("outputs/sweeps/*/*/metrics.json"))) == 2
    assert "95 % interval" in done.stdout.splitlines()[-2]


def environment() -> dict[str, str]:
    """Return an environment in which `python` is the one that runs the tests."""
    folder = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


def test_pages_that_the_tutorial_names_exist():
    for target in re.findall(r"\]\(([^)#:]+)[#)]", TUTORIAL):
        assert (ROOT / "docs" / target).is_file(), target
