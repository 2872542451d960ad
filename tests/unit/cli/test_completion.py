"""Completion in a shell, in bash itself where it is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lungcam.cli.completion import BASH, words

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lungcam tr", ["train"]),
        ("lungcam co", ["compare", "completion"]),
        ("lungcam train model=sma", ["model=small3d"]),
        ("lungcam train trainer.max_e", ["trainer.max_epochs="]),
        ("lungcam train -m debug=", ["debug=fdr", "debug=overfit", "debug=profile"]),
        ("lungcam infer dicom.", ["dicom.patient=", "dicom.write="]),
        ("lungcam compare spl", ["split="]),
        ("lungcam completion ba", ["bash"]),
        ("lungcam infer model=sma", []),
        ("lungcam nothing x", []),
    ],
)
def test_words_complete_a_line(line, offered):
    assert words(line) == offered


def test_a_check_takes_keys_of_a_training():
    assert "data.root=" in words("lungcam check data.ro")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_by_the_script(tmp_path):
    program = tmp_path / "lungcam"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lungcam "$@"\n')
    program.chmod(0o755)
    script = (
        f"{BASH}\ncompopt() {{ :; }}\n"
        'COMP_LINE="lungcam train model=sma" COMP_POINT=23\n_lungcam\necho "${COMPREPLY[@]}"\n'
        'COMP_LINE="lungcam train seed=1 rend" COMP_POINT=25\n_lungcam\necho "${COMPREPLY[0]}"\n'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines() == ["small3d", "render.clip="], done.stderr
