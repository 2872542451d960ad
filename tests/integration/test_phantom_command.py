"""`python -m lungcam phantom` from end to end."""

import re
import signal
import subprocess
import sys
import time

import pytest

from lungcam.cli.commands import main
from lungcam.errors import InputError
from lungcam.scans import check_scan


def phantom(*arguments, cwd) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lungcam", "phantom", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_it_prints_a_summary_and_the_command_to_train(tmp_path):
    done = phantom("my tree", "layout=luna16", "n=4", "matrix=64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "my tree: 4 phantoms (2 malignant, 1 benign, 1 healthy) in the layout of LUNA16.",
        "Train on them: python train.py data=luna16 'data.root=my tree' "
        "'data.xml=my tree/lidc-xml'",
    ]
    assert "phantoms as LUNA16: 100%" in done.stderr
    scans = sorted((tmp_path / "my tree").glob("subset*/*.mhd"))
    assert len(scans) == 4
    assert check_scan(scans[0])[0].usable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out"], "set layout= to one of luna16, luna25, lidc, nlst"),
        (["layout=lidc"], "name one folder"),
        (["a", "b", "layout=lidc"], "name one folder"),
        (["out", "layout=lung"], "set it to one of luna16, luna25, lidc, nlst"),
        (["out", "layout=lidc", "n=many"], "n=many: is no number"),
        (["out", "layout=lidc", "n=3"], "set it from 4"),
        (["out", "layout=lidc", "matrix=8"], "matrix is 8; set it"),
        (["out", "layout=lidc", "pattern=0.5"], "remove it, or set layout=nlst_risk"),
        (["out", "layout=nlst_risk", "pattern=2"], "pattern is 2.0; set it from 0 to 1"),
        (
            ["out", "layout=lidc", "view=lungs"],
            "it takes layout, n, seed, difficulty, matrix, pattern",
        ),
        (["mine", "layout=lidc"], "mine: holds other files; name a new or empty folder"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, monkeypatch, arguments, message):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        main(["phantom", *arguments])
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_a_refusal_is_one_line_and_exit_code_2(tmp_path):
    done = phantom("out", "layout=lidc", "n=3", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "set it from 4" in line


def test_it_can_be_stopped_and_continued(tmp_path):
    settings = ["tree", "layout=lidc", "n=5", "matrix=64", "seed=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lungcam", "phantom", *settings],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is ignored by default if the tests themselves run in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    records = tmp_path / "tree" / "truth"
    while not list(records.glob("phantom-*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    finished = {path: path.stat().st_mtime_ns for path in records.glob("phantom-*.json")}
    assert finished
    assert not list((tmp_path / "tree").rglob(".*"))
    done = phantom(*settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(records.glob("phantom-*.json"))) == 5
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in finished.items())
