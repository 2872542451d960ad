"""A user's script passes mypy --strict, and its mistakes are found."""

import os
import subprocess
import sys

import pytest

from .conftest import ROOT

pytest.importorskip("mypy", reason="needs mypy: '.[test]'")
pytestmark = pytest.mark.slow

SCRIPT = """\
from pathlib import Path

import lungcam
from lungcam.errors import InputError


def rate(run: lungcam.Run, scan: Path) -> float:
    prediction: lungcam.Prediction = run.load().predict(scan)
    for candidate in prediction.candidates:
        print(candidate.center_mm[0], candidate.diameter_mm or 0.0, candidate.side.upper())
    print(prediction.heatmap.max(), prediction.peak_mm, prediction.answer.upper())
    prediction.plot().savefig("slices.png")
    return prediction.probability


def main() -> None:
    try:
        run = lungcam.train(["model=small3d", "data.n=40"])
    except InputError as error:
        print(error)
        return
    mask = lungcam.read_scan("scan.nii.gz").mask("cavity", margin_mm=2.0)
    print(rate(run, Path("scan")), run.score, mask.sum(), run.metrics["test"])
    print(lungcam.load(["a.ckpt", Path("b.ckpt")], tta="flips").label_rule)
"""
# each is a mistake that mypy must find in its line
MISTAKES = (
    "lungcam.train(3)",
    "lungcam.load('RUN').predict(3)",
    "lungcam.load('RUN').predict('scan').probabilty",
    "x: str = lungcam.load('RUN').predict('scan').probability",
)


def check(folder, text: str) -> str:
    (folder / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    return done.stdout + done.stderr


def test_a_script_of_a_user_is_typed(tmp_path):
    assert "Success: no issues found" in check(tmp_path, SCRIPT)
    # the cache of the first check makes the second one short
    report = check(tmp_path, SCRIPT + "\n".join(("", *MISTAKES)))
    first = SCRIPT.count("\n") + 2
    for i, mistake in enumerate(MISTAKES):
        assert f"script.py:{first + i}: error: " in report, mistake
