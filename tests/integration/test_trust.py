"""Checks of heat-maps and erased lesions in a run, and their use by infer."""

import csv
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from lungcam.training.checkpoint import add_metadata

from .conftest import command


@pytest.fixture(scope="module")
def checked(trained):
    return trained.folder, trained.printed


def test_the_verdict_is_in_the_run_folder_and_in_the_metrics(checked):
    folder, printed = checked
    explanation = json.loads((folder / "explanation.json").read_text())
    assert explanation["verdict"] == (
        "passed" if all(explanation["criteria"].values()) else "failed"
    )
    assert explanation["layer"] == "conv3"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["explanation"] == {name: explanation[name] for name in ("verdict", "reasons")}
    assert explanation["figures"]["auc"] == [metrics["test"]["auc"], *metrics["test"]["auc_ci95"]]
    assert f"heat-maps: {explanation['verdict']}" in printed


def test_the_lesion_of_an_exported_sample_is_erased(checked):
    folder, _ = checked
    with (folder / "samples.csv").open() as file:
        rows = {row["sample_id"]: row for row in csv.DictReader(file)}
    assert len(list(folder.glob("cam/*/erased.json"))) == len(list((folder / "cam").iterdir()))
    names = [path.name for path in (folder / "cam").iterdir()]
    sample = next(name for name in names if rows[name]["label"] == "1")
    row = rows[sample]
    erasure = json.loads((folder / "cam" / sample / "erased.json").read_text())
    (lesion,) = erasure["erased"]
    assert lesion["source"] == "annotated"
    center = -float(row["coordX"]), -float(row["coordY"]), float(row["coordZ"])
    assert lesion["center_ras_mm"] == pytest.approx(center, abs=3)
    assert lesion["control"]["volume_ml"] == lesion["volume_ml"]
    scan = nib.load((folder / row["image"]).resolve())
    erased = nib.load(folder / "cam" / sample / "erased.nii.gz")
    assert np.allclose(erased.affine, scan.affine)
    # the scanner's padding is set to air when a scan is read
    changed = erased.get_fdata() != np.maximum(scan.get_fdata(), -1024)
    assert 0 < changed.sum() * np.prod(scan.header.get_zooms()) / 1000 <= lesion["volume_ml"] + 1e-3
    index = np.linalg.inv(scan.affine) @ [*center, 1]
    assert erased.get_fdata()[tuple(index[:3].round().astype(int))] < -600


def test_infer_reports_and_marks_a_failed_verdict(opengl, checked, workplace, trained, tmp_path):
    phantom = min(workplace.glob("outputs/cache/phantoms/*/phantom-000?.nii.gz"))
    verdicts = {"passed": ["It is right."], "failed": ["Not shown: it is right."]}
    pictures = {}
    for verdict, reasons in verdicts.items():
        file = tmp_path / f"{verdict}.ckpt"
        shutil.copy(trained.folder / "checkpoints" / "best.ckpt", file)
        add_metadata(file, explanation={"verdict": verdict, "reasons": reasons})
        options = ("explain.erase=true",) if verdict == "failed" else ()
        done = command(
            "infer.py", f"ckpt={file}", f"scan={phantom}", f"out={verdict}", *options, cwd=workplace
        )
        assert done.returncode == 0, done.stderr
        folder = workplace / verdict / phantom.name.removesuffix(".nii.gz")
        record = json.loads((folder / "prediction.json").read_text())
        assert record["explanation"]["verdict"] == verdict
        assert record["explanation"]["reasons"] == reasons
        assert ("Not shown" in done.stdout) == (verdict == "failed")
        assert ("erased" in record) == (verdict == "failed")
        pictures[verdict] = np.asarray(Image.open(folder / "render.png")).astype(int)
    # the mark is a line in amber below the title; the volume makes room for it
    for verdict, picture in pictures.items():
        red, green, blue = np.moveaxis(picture[20 : len(picture) // 16], 2, 0)
        amber = (red > 220) & (green > 130) & (green < 200) & (blue < 90)
        assert (amber.sum() > 50) == (verdict == "failed")
    assert all(lesion["source"] == "highlighted" for lesion in record["erased"])


def test_a_checkpoint_without_a_verdict_is_unchecked(workplace, trained, tmp_path):
    phantom = min(workplace.glob("outputs/cache/phantoms/*/phantom-000?.nii.gz"))
    file = tmp_path / "unchecked.ckpt"
    shutil.copy(trained.folder / "checkpoints" / "best.ckpt", file)
    add_metadata(file, explanation=None)
    done = command(
        "infer.py", f"ckpt={file}", f"scan={phantom}", "out=never", "picture=false", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    (file,) = workplace.glob("never/*/prediction.json")
    assert json.loads(file.read_text())["explanation"]["verdict"] == "unchecked"
