"""Commands in a hostile world: files of the user, bad rows, signals, two processes at once."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

from lungcam.runtime.lock import NAME
from lungcam.training.checkpoint import load_checkpoint

from .conftest import ROOT, TINY, command


@pytest.fixture(scope="module")
def phantom(workplace, trained):
    return min(workplace.glob("outputs/cache/phantoms/*/phantom-000?.nii.gz"))


def test_a_mask_that_was_corrected_by_hand_is_kept(workplace, phantom):
    arguments = ("infer.py", "ckpt=run", f"scan={phantom}", "out=careful", "picture=false")
    assert command(*arguments, cwd=workplace).returncode == 0
    (mask,) = workplace.glob("careful/*/mask.nii.gz")
    corrected = mask.read_bytes() + b"corrected"
    mask.write_bytes(corrected)
    before = sorted(mask.parent.iterdir())
    done = command(*arguments, cwd=workplace)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "mask.nii.gz: lungcam has not written this, or it was changed since" in line
    assert mask.read_bytes() == corrected
    assert sorted(mask.parent.iterdir()) == before
    mask.unlink()
    assert command(*arguments, cwd=workplace).returncode == 0


def test_bad_rows_cost_themselves_alone(workplace, phantom):
    os.mkfifo(workplace / "pipe.nii")
    head = b"sample_id,image,coordX,coordY,coordZ\n"
    good = os.fsencode(f"{phantom}")
    rows = [
        b"good," + good + b",,,\n",
        b"=cmd|x," + good + b",,,\n",
        b"..,no.nii,,,\n",
        b"pipe,pipe.nii,,,\n",
        b"zero,a\0b.nii,,,\n",
        b"raw,\xff.nii,,,\n",
        b"long," + b"x" * 5000 + b",,,\n",
        b"far," + good + b",1e300,0,0\n",
        b"codes,\x1b[2J.nii,,,\n",
    ]
    (workplace / "bad.csv").write_bytes(head + b"".join(rows))
    done = command("infer.py", "ckpt=run", "scan=bad.csv", "out=bad_rows", cwd=workplace)
    assert done.returncode == 0, done.stderr
    text = (workplace / "bad_rows" / "predictions.csv").read_bytes().decode("utf-8")
    table = list(csv.DictReader(text.splitlines()))
    assert len(table) == len(rows)
    predicted = [row["sample_id"] for row in table if row["probability"]]
    assert predicted == ["good", "_cmd_x"]
    assert all(line.isprintable() for line in text.splitlines())
    assert "\x1b[2J" not in done.stdout + done.stderr
    folders = {path.name for path in (workplace / "bad_rows").iterdir() if path.is_dir()}
    assert folders == set(predicted)


@pytest.mark.slow
def test_sigterm_ends_a_training_with_143_and_a_second_process_is_refused(workplace, trained):
    folder = workplace / "terminated"
    arguments = [*TINY, "trainer.max_epochs=500", "callbacks=checkpoint"]
    job = subprocess.Popen(
        [sys.executable, ROOT / "train.py", *arguments, f"hydra.run.dir={folder}"],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last = folder / "checkpoints" / "last.ckpt"
    while not last.exists():
        assert job.poll() is None, job.stdout.read()
        time.sleep(0.01)
    settings = (folder / ".hydra" / "config.yaml").read_bytes()
    done = command("train.py", f"hydra.run.dir={folder}", cwd=workplace)
    assert done.returncode == 2
    assert f"process {job.pid} on " in done.stderr.splitlines()[-1]
    assert (folder / ".hydra" / "config.yaml").read_bytes() == settings
    job.send_signal(signal.SIGTERM)
    output, _ = job.communicate()
    assert job.returncode == 143, output
    assert "Traceback" not in output
    assert load_checkpoint(last)["epoch"] > 0
    assert not (folder / "metrics.json").exists()
    assert not (folder / NAME).exists()
