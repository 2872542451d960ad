"""`python infer.py` on many scans: faults, kills, and finished scans."""

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
from lungcam.evaluation.ensemble import load_ensemble
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan

from .conftest import ROOT, command

GOOD = 4
# only Linux lists the processes that a process has started
LINUX = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs Linux' /proc")


@pytest.fixture(scope="module")
def scans(workplace, trained):
    """Write four phantoms of one name into four folders, and two files that are no scans."""
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
    return records(out), rows(out), done


def rows(out):
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def records(out):
    """Read each scan's record, without times and memory, and the bytes of its map."""
    record_of = {}
    for file in out.glob("*/prediction.json"):
        record = json.loads(file.read_text())
        del record["timings_s"], record["peak_memory_mb"]
        record_of[file.parent.name] = record, (file.parent / "heatmap.nii.gz").read_bytes()
    return record_of


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
        # Ctrl-C is ignored by default if the tests themselves run in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def children(pid):
    """Return the processes that a process has started."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            pids.append(int(stat.parent.name))
    return pids


def wait_for(condition, job):
    while not (value := condition()):
        assert job.poll() is None, job.stdout.read()
        time.sleep(0.005)
    return value


def test_bad_scans_are_named_and_the_others_are_predicted(undisturbed):
    predicted, table, done = undisturbed
    ids = [row["sample_id"] for row in table]
    assert ids == sorted(ids)
    assert {row["sample_id"] for row in table if row["error"]} == {"half", "few"}
    assert set(predicted) == {f"site_{number}_chest" for number in range(GOOD)}
    for row in table:
        assert (row["error"] == "") == (row["probability"] != "")
        if row["error"]:
            assert row["sample_id"] in row["error"]
            assert f"skipped {row['sample_id']}" in done.stdout + done.stderr
        else:
            assert row["sample_id"].replace("_chest", "").replace("_", " ") in row["image"]


def test_a_scan_has_the_same_prediction_alone_and_among_many(workplace, undisturbed, tmp_path):
    best = workplace / "run" / "checkpoints" / "best.ckpt"
    net = load_ensemble([best], torch.device("cpu"))
    sample = Sample(
        sample_id="x",
        patient_id="x",
        image=workplace / "tree" / "site 2" / "chest.nii.gz",
        label=None,
        label_source="",
    )
    predict_scan(
        net,
        prepare_scan(sample, net.transforms),
        sample=sample,
        folder=tmp_path / "x",
        outputs=RequestedOutputs(masks=True, picture=False),
        request="",
    )
    alone, heat = records(tmp_path)["x"]
    many, other = undisturbed[0]["site_2_chest"]
    assert heat == other
    for name in set(alone) - {"scan", "request"}:
        assert alone[name] == many[name], name


@pytest.mark.slow
@LINUX
def test_a_killed_command_that_is_repeated_ends_as_an_undisturbed_one(workplace, undisturbed):
    """Kill it after the first prediction, and then while it reads; no process remains."""
    out = workplace / "cut-short"
    job = begin(workplace, "cut-short")
    wait_for(lambda: list(out.glob("*/prediction.json")), job)
    processes = [pid for child in children(job.pid) for pid in (child, *children(child))]
    os.kill(job.pid, signal.SIGKILL)
    job.communicate()
    first = written(out)
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in processes) and time.monotonic() < end:
        time.sleep(0.01)
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    job = begin(workplace, "cut-short")
    # a crash of a decoder ends the process that reads; this one reads the first scan
    (server,) = wait_for(
        lambda: [pid for pid in children(job.pid) if children(pid)],
        job,
    )
    victim = min(children(server))
    os.kill(victim, signal.SIGKILL)
    output, _ = job.communicate()
    assert job.returncode == 0, output
    assert "scans were done already" in output
    (failed,) = [row for row in rows(out) if "process that read it ended" in row["error"]]
    assert failed["sample_id"] not in records(out)
    # Ctrl-C before the first prediction: the table lists the scans that were taken over
    job = begin(workplace, "cut-short")
    wait_for(lambda: [pid for pid in children(job.pid) if children(pid)], job)
    job.send_signal(signal.SIGINT)
    output, _ = job.communicate()
    assert job.returncode == 130, output
    assert "Traceback" not in output
    done = command("infer.py", "ckpt=run", "scan=tree", "out=cut-short", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert first.items() <= written(out).items()
    predicted, table, _ = undisturbed
    assert records(out) == predicted
    assert rows(out) == table


def test_finished_scans_are_taken_over_unless_their_request_changed(workplace, scans, undisturbed):
    out, predicted = workplace / "tree-out", undisturbed[0]
    before = written(out)
    # an image that has changed, and a damaged record
    (scans / "site 0" / "chest.nii.gz").resolve().touch()
    (out / "site_3_chest" / "prediction.json").write_text("{")
    # left behind by a process that has ended
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leftover = out / "site_3_chest" / f".{os.uname().nodename}~{ended.pid}~0123abcd.heatmap.nii.gz"
    leftover.touch()
    done = command("infer.py", "ckpt=run", "scan=tree", "out=tree-out", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "2 of 6 scans were done already" in done.stdout
    repeated = {file.parent.name for file, time in written(out).items() if before[file] != time}
    assert repeated == {"site_0_chest", "site_3_chest"}
    assert not leftover.exists()
    after = records(out)
    assert after["site_0_chest"][0]["request"] != predicted["site_0_chest"][0]["request"]
    after["site_0_chest"][0]["request"] = predicted["site_0_chest"][0]["request"]
    assert after == predicted


def test_if_no_scan_can_be_predicted_the_input_is_at_fault(workplace, trained, scans):
    folder = workplace / "bad"
    folder.mkdir()
    for name in ("one.nii.gz", "two.nii.gz"):
        (folder / name).write_bytes((scans / "site 1" / "half.nii.gz").read_bytes())
    done = command("infer.py", "ckpt=run", "scan=bad", "out=bad-out", cwd=workplace)
    assert done.returncode == 2
    assert "not one scan" in done.stderr.splitlines()[-1]
    assert [bool(row["error"]) for row in rows(workplace / "bad-out")] == [True, True]


DEFECT = """
from lungcam.inference import batch
from lungcam.cli.infer import main

predict_scan = batch.predict_scan

def defective(*arguments, sample, **options):
    if sample.sample_id == "site_1_chest":
        raise KeyError("a defect")
    return predict_scan(*arguments, sample=sample, **options)

batch.predict_scan = defective
main()
"""


def test_a_defect_fails_its_scan_only_and_other_settings_are_another_request(
    workplace, undisturbed
):
    out = workplace / "tree-out"
    arguments = ("ckpt=run", "scan=tree", "out=tree-out", "explain.method=layercam")
    done = subprocess.run(
        [sys.executable, "-c", DEFECT, *arguments], cwd=workplace, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "defects.log" in done.stderr.splitlines()[-1]
    (row,) = [row for row in rows(out) if "a defect of lungcam" in row["error"]]
    assert row["sample_id"] == "site_1_chest"
    assert "KeyError: 'a defect'" in (out / "defects.log").read_text()
    methods = {name: record["explanation"]["method"] for name, (record, _) in records(out).items()}
    # earlier files of the scan that failed are kept
    assert methods.pop("site_1_chest") == "gradcam"
    assert set(methods.values()) == {"layercam"}
