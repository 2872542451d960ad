"""`python infer.py` from end to end."""

import csv
import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from .conftest import command


def same_grid(volume: sitk.Image, scan: sitk.Image) -> bool:
    """Return True if the voxels of two volumes have the same positions within 0.01 mm."""
    corners = [
        (0, 0, 0),
        *(tuple(np.eye(3, dtype=int)[a] * (scan.GetSize()[a] - 1)) for a in range(3)),
    ]
    return volume.GetSize() == scan.GetSize() and all(
        np.allclose(
            volume.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            scan.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            atol=0.01,
        )
        for corner in corners
    )


@pytest.fixture(scope="module")
def predictions(trained):
    """Read the predictions of the training run for validation and test."""
    with (trained.folder / "predictions.csv").open() as file:
        return {row["sample_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def phantom(workplace, predictions):
    return next(workplace.glob(f"outputs/cache/phantoms/*/{min(predictions)}.nii.gz"))


@pytest.fixture(scope="module")
def predicted(workplace, trained, phantom):
    done = command("infer.py", "ckpt=run", f"scan={phantom}", "out=one", cwd=workplace)
    assert done.returncode == 0, done.stderr
    return workplace / "one" / phantom.name.removesuffix(".nii.gz")


def test_the_report_shows_an_earlier_result(predicted, workplace, phantom):
    arguments = ("ckpt=run", f"scan={phantom}", "report=true", "picture=false")
    done = command(
        "infer.py", *arguments, "prior=one", "explain.method=hirescam", "out=later", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (workplace / "later").iterdir()
    earlier = json.loads((predicted / "prediction.json").read_text())
    record = json.loads((folder / "prediction.json").read_text())
    assert record["prior"][0]["probability"] == earlier["probability"]
    assert record["prior"][0]["peak_ras_mm"] == earlier["heatmap_peak_ras_mm"]
    page = (folder / "report.html").read_text()
    assert "Earlier results" in page
    assert f"{earlier['probability']:.3f}, called" in page
    other = max(phantom.parent.glob("phantom-000?.nii.gz"))
    arguments = ("ckpt=run", f"scan={other}", "report=true", f"prior={predicted}", "out=wrong")
    done = command("infer.py", *arguments, cwd=workplace)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"prior={predicted}: this is the result of another scan." in done.stderr
    assert not list((workplace / "wrong").glob("*/*"))


def test_prediction_json_has_all_keys_that_users_rely_on(predicted, workplace, trained):
    prediction = json.loads((predicted / "prediction.json").read_text())
    assert 0 <= prediction["probability"] <= 1
    assert prediction["label"] == int(prediction["probability"] >= prediction["threshold"])
    assert "malignant" in prediction["label_rule"]
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert prediction["calibrated"] is metrics["calibration"]["applied"]
    checkpoint = trained.folder / "checkpoints" / "best.ckpt"
    assert prediction["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert {"read", "lungs", "model", "explain", "render", "total"} <= set(prediction["timings_s"])
    assert prediction["peak_memory_mb"] > 100
    assert 1000 < prediction["mask_quality"]["lungs_ml"] < 8000
    (padding,) = prediction["warnings"]  # phantoms have padding, as scanners do
    assert "set to -1024 HU" in padding
    assert prediction["mask_quality"]["flags"] == []
    explanation = prediction["explanation"]
    settings = {name: explanation.pop(name) for name in ("method", "layer", "evidence")}
    assert settings == {"method": "gradcam", "layer": "conv3", "evidence": "both"}
    # after one epoch a net has learnt nothing, and its maps fail their checks
    assert explanation["verdict"] == "failed"
    assert explanation["reasons"]
    assert prediction["notice"].startswith("Research use only")


def test_infer_predicts_as_the_training_run_did(predicted, predictions):
    prediction = json.loads((predicted / "prediction.json").read_text())
    # the logit is the net's own, the probability is calibrated
    for name in ("logit", "probability"):
        expected = float(predictions[predicted.name][name])
        assert prediction[name] == pytest.approx(expected, abs=1e-4), name


def test_volumes_are_on_the_grid_of_the_scan(predicted, phantom):
    scan = sitk.ReadImage(str(phantom))
    for name in ("heatmap", "mask", "lungs"):
        assert same_grid(sitk.ReadImage(str(predicted / f"{name}.nii.gz")), scan)
    lungs, mask = (nib.load(predicted / f"{n}.nii.gz").get_fdata() > 0 for n in ("lungs", "mask"))
    assert mask[lungs].all()
    assert mask.sum() > lungs.sum()


def test_another_explanation_than_that_of_the_checkpoint(workplace, trained, phantom):
    settings = ("explain.method=layercam", "explain.layer=conv2", "explain.evidence=against")
    done = command(
        "infer.py",
        "ckpt=run",
        f"scan={phantom}",
        "out=other",
        *settings,
        "picture=false",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    folder = workplace / "other" / phantom.name.removesuffix(".nii.gz")
    explanation = json.loads((folder / "prediction.json").read_text())["explanation"]
    settings = {name: explanation[name] for name in ("method", "layer", "evidence")}
    assert settings == {"method": "layercam", "layer": "conv2", "evidence": "against"}
    heat = nib.load(folder / "heatmap.nii.gz").get_fdata()
    assert heat.min() >= 0
    assert heat.max() > 0


def test_the_picture_is_not_empty(opengl, predicted):
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(predicted / "render.png")))
    assert picture.shape[2] == 3
    assert picture.std() > 5


def test_a_table_with_labels_a_bad_row_and_odd_names(workplace, trained, phantom):
    odd = workplace / "odd, names [é]"
    odd.mkdir()
    rows = ["image,label"]
    for i in range(4):
        (image,) = phantom.parent.glob(f"phantom-000{i}.nii.gz")
        (odd / f"scan {i}.nii.gz").write_bytes(image.read_bytes())
        kind = json.loads((image.parent / f"phantom-000{i}.json").read_text())["kind"]
        rows.append(f"scan {i}.nii.gz,{int(kind == 'malignant')}")
    rows.append("missing.nii.gz,0")
    (odd / "table.csv").write_text("\n".join(rows) + "\n")
    done = command("infer.py", "ckpt=run", f"scan={odd}/table.csv", "out=many", cwd=workplace)
    assert done.returncode == 0, done.stderr
    with (workplace / "many" / "predictions.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [bool(row["error"]) for row in table] == [False] * 4 + [True]
    assert "missing.nii.gz" in table[4]["error"]
    metrics = json.loads((workplace / "many" / "metrics.json").read_text())
    assert metrics["test"]["n"] == 4
    for row in table[:4]:
        folder = workplace / "many" / row["sample_id"]
        assert (folder / "prediction.json").is_file()
        assert (folder / "heatmap.nii.gz").is_file()
        assert not (folder / "render.png").exists()


def test_infer_localises_as_the_training_run_did(workplace, trained, predictions):
    with (trained.folder / "samples.csv").open() as file:
        table = list(csv.DictReader(file))
    tested = [row for row in table if predictions.get(row["sample_id"], {}).get("split") == "test"]
    # in the folder of the run's own table: its paths are relative
    with (trained.folder / "tested.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        writer.writerows(tested)
    arguments = ("ckpt=run", "scan=run/tested.csv", "out=located", "explain.benchmark=true")
    done = command("infer.py", *arguments, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "maps at 2 lesions of 2 patients" in done.stdout
    first, second = (
        json.loads((workplace / name / "localisation.json").read_text())
        for name in ("run", "located")
    )
    for name in ("peak_within_radius", "distance_mm", "energy_inside"):
        assert second["sizes"]["all"][name]["value"] == pytest.approx(
            first["sizes"]["all"][name]["value"], abs=1e-3
        )
    assert second["sizes"]["all"]["froc"]["cpm"] == first["sizes"]["all"]["froc"]["cpm"]
    with (workplace / "located" / "candidates.csv").open() as file:
        assert {row["seriesuid"] for row in csv.DictReader(file)} <= set(predictions)


def test_a_folder_of_many_scans(workplace, trained, phantom):
    folder = workplace / "folder"
    folder.mkdir()
    for i in range(2):
        (image,) = phantom.parent.glob(f"phantom-000{i}.nii.gz")
        (folder / image.name).write_bytes(image.read_bytes())
    done = command("infer.py", "ckpt=run", "scan=folder", "out=both", cwd=workplace)
    assert done.returncode == 0, done.stderr
    with (workplace / "both" / "predictions.csv").open() as file:
        assert [row["sample_id"] for row in csv.DictReader(file)] == [
            "phantom-0000",
            "phantom-0001",
        ]


def test_a_scan_without_lungs_writes_nothing(workplace, trained):
    water = sitk.GetImageFromArray(np.full((20, 32, 32), -300, np.int16))
    sitk.WriteImage(water, str(workplace / "water.nii.gz"))
    done = command("infer.py", "ckpt=run", "scan=water.nii.gz", "out=nothing", cwd=workplace)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "water.nii.gz" in line
    assert not (workplace / "nothing").exists()


@pytest.fixture(scope="module")
def clinical(workplace, trained, sample_data):
    """Folder of the results for LIDC-IDRI-0001."""
    scan = sample_data / "lidc_idri" / "LIDC-IDRI-0001"
    done = command("infer.py", "ckpt=run", f"scan={scan}", "out=real", cwd=workplace)
    assert done.returncode == 0, done.stderr
    return workplace / "real" / "LIDC-IDRI-0001"


def test_a_clinical_series(clinical, lidc_series):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(lidc_series)))
    series = reader.Execute()
    for name in ("heatmap", "mask", "lungs"):
        assert same_grid(sitk.ReadImage(str(clinical / f"{name}.nii.gz")), series)
    prediction = json.loads((clinical / "prediction.json").read_text())
    assert prediction["series_uid"] == lidc_series.name
    assert 3000 < prediction["mask_quality"]["lungs_ml"] < 5000


def test_the_picture_of_a_clinical_series(opengl, clinical):
    assert (clinical / "render.png").is_file()
