"""`python infer.py` on many scans: faults, kills, and what is taken over."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import SimpleITK as sitk
import torch

from lungcam.cohorts import Sample
from lungcam.evaluation.predictor import load_predictor
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan

from .conftest import ROOT, command

GOOD = 4
# under Linux alone it is told which processes a process has started
LINUX = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs Linux' /proc")


@pytest.fixture(scope="module")
def scans(workplace, trained):
    """Four phantoms of one name in four folders, and between them what is no scan."""
    images = sorted(workplace.glob("outputs/cache/phantoms/*/phantom-????.nii.gz"))[:GOOD]
    for number, image in enumerate(images):
        folder = workplace / "tree" / f"site {number}"
        folder.mkdir(parents=True)
        (folder / "chest.nii.gz").symlink_to(image)
    half = images[0].read_bytes()[:5000]
    (workplace / "tree" / "site 1" / "half.nii.gz").write_bytes(half)
    few = sitk.ReadImage(str(images[1]))[:, :, :5]
    sitk.WriteImage(few, str(workplace / "tree" / "site 2" / "few.nii.gz"))
    return workplace / "tree"


@pytest.fixture(scope="module")
def undisturbed(workplace, scans):
    done = command("infer.py", "ckpt=run", "scan=tree", "out=tree-out", cwd=workplace)
    assert done.returncode == 0, done.stderr
    out = workplace / "tree-out"
    return told(out), rows(out), done


def rows(out):
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def told(out):
    """What was said of each scan, but for times and memory, and the bytes of its map."""
    found = {}
    for file in out.glob("*/prediction.json"):
        one = json.loads(file.read_text())
        del one["timings_s"], one["peak_memory_mb"]
        found[file.parent.name] = one, (file.parent / "heatmap.nii.gz").read_bytes()
    return found


def written(out):
    return {file: file.stat().st_mtime_ns for file in out.glob("*/prediction.json")}


def begin(workplace, out):
    arguments = ("ckpt=run", "scan=tree", f"out={out}")
    return subprocess.Popen(
        [sys.executable, ROOT / "infer.py", *arguments],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # of a suite that itself was started in the background, Ctrl-C would be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def children(pid):
    """Processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(stat.parent.name))
    return found


def wait_for(what, job):
    while not (found := what()):
        assert job.poll() is None, job.stdout.read()
        time.sleep(0.005)
    return found


def test_bad_scans_are_named_and_the_rest_go_on(undisturbed):
    answers, table, done = undisturbed
    ids = [row["sample_id"] for row in table]
    assert ids == sorted(ids)
    assert {row["sample_id"] for row in table if row["error"]} == {"half", "few"}
    assert set(answers) == {f"site_{number}_chest" for number in range(GOOD)}
    for row in table:
        assert (row["error"] == "") == (row["probability"] != "")
        if row["error"]:
            assert row["sample_id"] in row["error"]
            assert f"skipped {row['sample_id']}" in done.stdout + done.stderr
        else:
            assert row["sample_id"].replace("_chest", "").replace("_", " ") in row["image"]


def test_read_ahead_or_alone_a_scan_has_the_same_answer(workplace, undisturbed, tmp_path):
    best = workplace / "run" / "checkpoints" / "best.ckpt"
    predictor = load_predictor(best, torch.device("cpu"))
    sample = Sample(
        sample_id="x",
        patient_id="x",
        image=workplace / "tree" / "site 2" / "chest.nii.gz",
        label=None,
        label_source="",
    )
    predict_scan(
        predictor,
        prepare_scan(sample, predictor.transforms),
        sample=sample,
        folder=tmp_path / "x",
        outputs=RequestedOutputs(masks=True, picture=False),
        request="",
    )
    alone, heat = told(tmp_path)["x"]
    many, other = undisturbed[0]["site_2_chest"]
    assert heat == other
    for name in set(alone) - {"scan", "request"}:
        assert alone[name] == many[name], name


@LINUX
def test_killed_and_begun_again_it_ends_as_if_nothing_had_been(workplace, undisturbed):
    """The first is killed with the first answer, the second as it reads; no process stays."""
    out = workplace / "cut-short"
    job = begin(workplace, "cut-short")
    wait_for(lambda: list(out.glob("*/prediction.json")), job)
    below = [one for child in children(job.pid) for one in (child, *children(child))]
    os.kill(job.pid, signal.SIGKILL)
    job.communicate()
    first = written(out)
    end = time.monotonic() + 60
    while any(Path(f"/proc/{one}").exists() for one in below) and time.monotonic() < end:
        time.sleep(0.01)
    assert not [one for one in below if Path(f"/proc/{one}").exists()]
    job = begin(workplace, "cut-short")
    # a decoder's crash takes the process that reads; this one is the first scan's
    (server,) = wait_for(
        lambda: [one for one in children(job.pid) if children(one)],
        job,
    )
    victim = min(children(server))
    os.kill(victim, signal.SIGKILL)
    said, _ = job.communicate()
    assert job.returncode == 0, said
    assert "scans were done already" in said
    (died,) = [row for row in rows(out) if "process that read it ended" in row["error"]]
    assert died["sample_id"] not in told(out)
    # Ctrl-C before anything: the table tells what was taken over
    job = begin(workplace, "cut-short")
    wait_for(lambda: [one for one in children(job.pid) if children(one)], job)
    job.send_signal(signal.SIGINT)
    said, _ = job.communicate()
    assert job.returncode == 130, said
    assert "Traceback" not in said
    done = command("infer.py", "ckpt=run", "scan=tree", "out=cut-short", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert first.items() <= written(out).items()
    answers, table, _ = undisturbed
    assert told(out) == answers
    assert rows(out) == table


def test_what_is_done_is_taken_over_unless_something_changed(workplace, scans, undisturbed):
    out, answers = workplace / "tree-out", undisturbed[0]
    before = written(out)
    # an image that is not the same any more, and an answer that is damaged
    (scans / "site 0" / "chest.nii.gz").resolve().touch()
    (out / "site_3_chest" / "prediction.json").write_text("{")
    # a process of the past has left this behind
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = out / "site_3_chest" / f".{os.uname().nodename}~{ended.pid}~0123abcd.heatmap.nii.gz"
    left.touch()
    done = command("infer.py", "ckpt=run", "scan=tree", "out=tree-out", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "2 of 6 scans were done already" in done.stdout
    again = {file.parent.name for file, at in written(out).items() if before[file] != at}
    assert again == {"site_0_chest", "site_3_chest"}
    assert not left.exists()
    after = told(out)
    assert after["site_0_chest"][0]["request"] != answers["site_0_chest"][0]["request"]
    after["site_0_chest"][0]["request"] = answers["site_0_chest"][0]["request"]
    assert after == answers


def test_where_not_one_scan_can_be_predicted_it_is_the_inputs_fault(workplace, trained, scans):
    folder = workplace / "bad"
    folder.mkdir()
    for name in ("one.nii.gz", "two.nii.gz"):
        (folder / name).write_bytes((scans / "site 1" / "half.nii.gz").read_bytes())
    done = command("infer.py", "ckpt=run", "scan=bad", "out=bad-out", cwd=workplace)
    assert done.returncode == 2
    assert "not one scan" in done.stderr.splitlines()[-1]
    assert [bool(row["error"]) for row in rows(workplace / "bad-out")] == [True, True]


DEFECT = """
import lungcam.inference.batch as many
from lungcam.cli.infer import main

predict_scan = many.predict_scan

def defective(*arguments, sample, **options):
    if sample.sample_id == "site_1_chest":
        raise KeyError("a defect")
    return predict_scan(*arguments, sample=sample, **options)

many.predict_scan = defective
main()
"""


def test_a_defect_costs_its_scan_and_other_settings_ask_again(workplace, undisturbed):
    out = workplace / "tree-out"
    arguments = ("ckpt=run", "scan=tree", "out=tree-out", "explain.method=layercam")
    done = subprocess.run(
        [sys.executable, "-c", DEFECT, *arguments], cwd=workplace, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "defects.log" in done.stderr.splitlines()[-1]
    (row,) = [one for one in rows(out) if "a defect of lungcam" in one["error"]]
    assert row["sample_id"] == "site_1_chest"
    assert "KeyError: 'a defect'" in (out / "defects.log").read_text()
    methods = {name: one["explanation"]["method"] for name, (one, _) in told(out).items()}
    # what was there of the one that failed is left as it was
    assert methods.pop("site_1_chest") == "gradcam"
    assert set(methods.values()) == {"layercam"}
