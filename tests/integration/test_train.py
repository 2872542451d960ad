"""`python train.py` from end to end."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from .conftest import TINY, command


def test_the_run_folder_has_all_files_that_users_rely_on(trained):
    names = {str(path.relative_to(trained.folder)) for path in trained.folder.rglob("*")}
    assert {
        ".hydra/config.yaml",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "splits.csv",
        "samples.csv",
        "quality.csv",
        "masks.html",
        "predictions.csv",
        "metrics.json",
        *(
            f"figures/{name}.png"
            for name in ("roc", "precision_recall", "reliability", "histogram", "heatmaps")
        ),
    } <= names
    shown = EventAccumulator(str(trained.folder), {"images": 0}).Reload().Tags()["images"]
    assert {"test/roc", "test/heatmaps"} <= set(shown)


def test_metrics_have_rules_intervals_and_baselines(trained):
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics["label_rule"].startswith("label 1")
    assert metrics["seed"] == 0
    assert metrics["versions"]["torch"] == torch.__version__
    for split in ("val", "test"):
        figures = metrics[split]
        assert (figures["n"], figures["n_positive"]) == (4, 2)
        low, high = figures["auc_ci95"]
        assert low <= figures["auc"] <= high
        assert figures["baselines"]["auc_diameter"] == 1.0
        assert figures["against_baselines"]["diameter"]["difference"] == figures["auc"] - 1
        assert 0 <= figures["pr_auc"] <= 1
        assert 0 <= figures["peak_share"] <= 1
        assert 0 <= figures["peak_share_strict"] <= figures["peak_share"]
        assert 0 < figures["peak_share_strict_random"] < figures["peak_share_random"] < 0.1
    assert metrics["val"]["threshold"] == metrics["test"]["threshold"]


def test_localisation_of_the_maps_is_measured(trained):
    localisation = json.loads((trained.folder / "localisation.json").read_text())
    metrics = json.loads((trained.folder / "metrics.json").read_text())["test"]
    figures = localisation["sizes"]["all"]
    assert (localisation["n_images"], figures["n"], figures["peak_in_mask"]["n"]) == (4, 2, 2)
    assert set(figures["distance_mm"]["baselines"]) == {
        *("random", "center", "brightest", "blob", "untrained")
    }
    assert figures["peak_within_radius_5mm"]["value"] == metrics["peak_share"]
    assert 0 <= figures["froc"]["cpm"] <= 1
    with (trained.folder / "localisation.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
    with (trained.folder / "candidates.csv").open() as file:
        candidates = csv.DictReader(file)
        assert candidates.fieldnames == ["seriesuid", "coordX", "coordY", "coordZ", "probability"]
        assert all(0 <= float(row["probability"]) <= 1 for row in candidates)
    assert "CPM over 4 images" in trained.printed


def test_every_sample_has_one_split_and_predictions_agree_with_it(trained):
    with (trained.folder / "splits.csv").open() as file:
        splits = list(csv.DictReader(file))
    with (trained.folder / "predictions.csv").open() as file:
        predictions = list(csv.DictReader(file))
    assert len({row["sample_id"] for row in splits}) == len(splits) == 16
    expected = {(r["sample_id"], r["split"]) for r in splits if r["split"] != "train"}
    assert {(r["sample_id"], r["split"]) for r in predictions} == expected
    checkpoint = torch.load(trained.folder / "checkpoints" / "best.ckpt", weights_only=True)
    calibration = checkpoint["lungcam"]["calibration"]
    assert set(calibration) == {"slope", "intercept", "applied", "rule", "n", "n_positive"}
    assert calibration["n"] == sum(row["split"] == "val" for row in predictions)
    assert calibration["slope"] > 0
    for row in predictions:
        calibrated = calibration["slope"] * float(row["logit"]) + calibration["intercept"]
        probability = 1 / (1 + np.exp(-calibrated))
        assert abs(float(row["probability"]) - probability) < 1e-5


def test_heat_maps_are_on_the_grid_of_the_scan(trained):
    exported = sorted((trained.folder / "cam").iterdir())
    assert len(exported) == 4
    with (trained.folder / "samples.csv").open() as file:
        images = {row["sample_id"]: trained.folder / row["image"] for row in csv.DictReader(file)}
    for folder in exported:
        scan = sitk.ReadImage(str(images[folder.name]))
        heat = sitk.ReadImage(str(folder / "heatmap.nii.gz"))
        assert heat.GetSize() == scan.GetSize()
        for corner in ((0, 0, 0), tuple(n - 1 for n in scan.GetSize())):
            np.testing.assert_allclose(
                heat.TransformIndexToPhysicalPoint(corner),
                scan.TransformIndexToPhysicalPoint(corner),
                atol=0.01,
            )
        assert np.isfinite(nib.load(folder / "heatmap.nii.gz").get_fdata()).all()


def test_the_end_of_a_run_prints_a_summary(trained):
    for words in (
        "test AUC",
        "95 % interval",
        "diameter alone",
        "net less baseline",
        "calibration: ",
        "on average (ECE)",
        "random point in the lungs",
        "heatmap.nii.gz",
        "run folder",
        "Research use only",
    ):
        assert words in trained.printed


def test_a_checkpoint_is_plain_tensors_and_dicts(trained):
    checkpoint = torch.load(trained.folder / "checkpoints" / "best.ckpt", weights_only=True)
    carried = checkpoint["lungcam"]
    assert set(carried["config"]) == {*("task", "model", "view", "transforms", "explain", "table")}
    # the training and validation scans, identified by their voxels alone
    assert len(carried["pixels"]) == 12
    assert 0 < carried["threshold"] < 1
    assert "malignant" in carried["label_rule"]


def test_the_same_seed_gives_the_same_predictions(trained, workplace):
    done = command("train.py", *TINY, "callbacks=checkpoint", "hydra.run.dir=again", cwd=workplace)
    assert done.returncode == 0, done.stderr
    first = (trained.folder / "predictions.csv").read_text()
    assert (workplace / "again" / "predictions.csv").read_text() == first


def test_a_sweep_reports_runs_that_succeeded_and_names_those_that_failed(workplace, trained):
    done = command(
        "train.py",
        "-m",
        "optimizer.lr=1e-3,1e30",
        "explain.layer=conv3,conv9",
        *TINY,
        "callbacks=checkpoint",
        "hydra.sweep.dir=sweep",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    with (workplace / "sweep" / "sweep.csv").open() as file:
        rows = {row["job"]: row for row in csv.DictReader(file)}
    assert [row["status"] for row in rows.values()] == ["done"] + ["failed"] * 3
    for job, reason in (("1", "conv9"), ("2", "the training diverged"), ("3", "conv9")):
        assert reason in rows[job]["reason"]
        assert f"failed: job {job} " in done.stdout
    metrics = json.loads((workplace / "sweep" / "0" / "metrics.json").read_text())
    assert float(rows["0"]["objective"]) == metrics["val"]["auc"]
    assert float(rows["0"]["test_auc"]) == metrics["test"]["auc"]
    assert rows["0"]["optimizer.lr"] == "0.001"


@pytest.mark.slow
def test_resnet10_of_monai_trains_by_config(workplace, trained):
    done = command(
        "train.py",
        "model=resnet10",
        *TINY,
        "view.shape=[32,24,32]",
        "view.spacing_mm=10",
        "hydra.run.dir=resnet",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    assert (workplace / "resnet" / "checkpoints" / "best.ckpt").exists()
