"""Weights in the box: what the files, the cards and the data say is the same."""

import csv
import hashlib
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from benchmarks import weights
from lungcam.cohorts.table import table_cohort
from lungcam.config.paths import CARDS, WEIGHTS, find_checkpoints
from lungcam.data import series_hashes
from lungcam.detection.checkpoint import load_detector
from lungcam.evaluation.ensemble import load_ensemble
from lungcam.grid import Grid, lps_columns
from lungcam.metrics import auc
from lungcam.phantom import make_phantom
from lungcam.scans import read_scan, write_volume
from lungcam.training.checkpoint import METADATA_KEY, load_checkpoint
from lungcam.transforms.pipeline import prepare

from .conftest import command

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
NODULES, DETECTOR = ((ROOT / CARDS[name]).read_text() for name in ("lidc_nodule_", "lidc_detector"))


def share(value: float) -> str:
    """Return a share as the cards write it, `.943`."""
    return f"{value:.3f}".removeprefix("0")


def test_the_files_are_small_and_those_of_the_list():
    files = sorted(WEIGHTS.glob("*.ckpt"))
    assert sum(file.stat().st_size for file in files) < 3e6
    with (ROOT / "docs" / "models" / "digests.csv").open(newline="") as stream:
        listed = {row["file"]: row["sha256"] for row in csv.DictReader(stream)}
    assert listed == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_nets_load_by_their_name_and_the_detector_too():
    ensemble = load_ensemble(find_checkpoints("lidc"), CPU)
    assert ensemble.size == 5
    assert ensemble.card == "docs/models/nodules.md"
    assert ensemble.task.name == "malignancy"
    detector = load_detector(WEIGHTS / weights.DETECTOR, CPU)
    series = (ROOT / "docs" / "models" / "lidc_series.csv").read_text().split()[1:]
    assert detector.metadata["series"] == series_hashes(series)
    # of the crops that each net has seen, and not of its test
    known = {net.series for net in ensemble.nets}
    assert len(known) == 5
    assert frozenset().union(*known) < set(series_hashes(series))
    assert detector.knows("", series[0])
    assert not detector.knows("", None)


def test_the_figures_of_the_cards_are_those_of_the_files():
    figures = load_checkpoint(find_checkpoints("lidc")[0])[METADATA_KEY]["figures"]
    low, high = figures["auc_ci95"]
    assert f"{share(figures['auc'])} ({share(low)} to {share(high)})" in NODULES
    assert share(figures["baselines"]["auc_diameter"]) in NODULES
    figures = load_checkpoint(WEIGHTS / weights.DETECTOR)[METADATA_KEY]["figures"]
    for row in figures["crops"]:
        shares = " | ".join(
            f"{share(row[f'recall_at_{rate}'])} ({share(row[f'recall_at_{rate}_ci95'][0])} to "
            f"{share(row[f'recall_at_{rate}_ci95'][1])})"
            for rate in (1, 4, 8)
        )
        assert f"| {row['mm'].replace('-', ' to ')} | {row['nodules']} | {shares} |" in DETECTOR


def test_a_phantoms_nodule_is_found_and_rated(tmp_path):
    phantom = make_phantom(3, "malignant", matrix=128)
    scan = tmp_path / "scan.nii.gz"
    write_volume(scan, phantom.hu, grid=Grid(phantom.hu.shape, phantom.affine))
    done = command("infer.py", "ckpt=lidc", f"scan={scan}", "out=out", "report=true", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "scan" / "prediction.json").read_text())
    distances = [
        np.linalg.norm(np.subtract(candidate["center_ras_mm"], phantom.center_mm))
        for candidate in record["candidates"][:3]
    ]
    assert min(distances) < phantom.diameter_mm / 2
    assert record["model_card"] == "docs/models/nodules.md"
    assert record["calibrated"] is False
    assert not record["seen_in_training"]
    page = (tmp_path / "out" / "scan" / "report.html").read_text()
    assert "docs/models/nodules.md" in page
    assert "mm to the pleura" in page


@pytest.mark.slow
def test_a_search_is_judged_by_all_lesions_of_a_scan(tmp_path):
    phantom = make_phantom(3, "malignant", matrix=128)
    grid = Grid(phantom.hu.shape, phantom.affine)
    write_volume(tmp_path / "scan.nii.gz", phantom.hu, grid=grid)
    # the nodule, and a place without one
    places = [np.array(phantom.center_mm), grid.to_world(np.array([20, 20, 5]))]
    rows = [
        {"sample_id": f"row-{k}", "image": "scan.nii.gz", "diameter_mm": phantom.diameter_mm}
        | lps_columns("coord", place)
        for k, place in enumerate(places)
    ]
    with (tmp_path / "lesions.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    measured = ("explain.benchmark=true", "explain.search=true")
    arguments = ("infer.py", "ckpt=lidc", "scan=lesions.csv", "out=out", *measured)
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "out" / "localisation.json").read_text())["sizes"]["all"]
    assert figures["n"] == 2
    assert figures["froc"]["n_images"] == 1
    assert figures["froc"]["sensitivity_at"]["8"] == 0.5
    assert set(figures["froc"]["baselines"]) >= {"random", "blob", "detector"}
    record = json.loads((tmp_path / "out" / "row-0" / "prediction.json").read_text())
    assert len((tmp_path / "out" / "candidates.csv").read_text().splitlines()) == 1 + len(
        record["candidates"]
    )


def test_a_search_is_only_measured_with_the_benchmark(tmp_path):
    (tmp_path / "t.csv").write_text("image\nscan.nii.gz\n")
    done = command("infer.py", "ckpt=lidc", "scan=t.csv", "explain.search=true", cwd=tmp_path)
    assert done.returncode == 2
    assert "add explain.benchmark=true" in done.stderr.splitlines()[-1]


def test_the_nodule_of_a_patient_comes_first(lidc_series, tmp_path):
    done = command("infer.py", "ckpt=lidc", f"scan={lidc_series}", "out=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    record = json.loads((folder / "prediction.json").read_text())
    first = record["candidates"][0]
    # as nodules.csv of the sample data has it, in RAS
    assert np.linalg.norm(np.subtract(first["center_ras_mm"], (-56.2, -86.3, -115.9))) < 11.7
    assert first["side"] == "left"
    assert record["seen_in_training"]
    assert sum(net["seen_in_training"] for net in record["nets"]) == 4
    heat = nib.load(folder / "heatmap.nii.gz")
    peak = np.unravel_index(np.argmax(np.asarray(heat.dataobj)), heat.shape)
    place = nib.affines.apply_affine(heat.affine, peak)
    assert np.linalg.norm(place - first["center_ras_mm"]) < 16


@pytest.mark.slow
def test_the_nets_have_their_figures_on_the_patients_that_they_have_not_seen(sample_data):
    table = sample_data / "lidc_nodules" / "nodules.csv"
    samples = [s for s in table_cohort(str(table), {}).samples if s.label is not None]
    ensemble = load_ensemble(find_checkpoints("lidc"), CPU)
    logits, labels = [], []
    for sample in samples:
        (fold,) = (k for k, net in enumerate(ensemble.nets) if not net.knows("", sample.series_uid))
        scan = read_scan(sample.image, whole_chest=False)
        subject = prepare(scan, ensemble.transforms, center_mm=sample.center_mm)
        logit = ensemble.logits(subject["input"].data[None])[fold]
        logits.append(ensemble.nets[fold].calibration.logit(logit))
        labels.append(sample.label)
    pooled = re.search(r"\| nets \| 424 \(160\) \| (\.\d+)", NODULES)
    assert len(labels) == 424
    # probabilities of the nets are pooled, each calibrated on its own validation
    assert auc(np.array(labels), np.array(logits)) == pytest.approx(float(pooled[1]), abs=0.004)
