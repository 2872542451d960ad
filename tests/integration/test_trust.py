"""A run that judges its heat-maps and erases lesions, and what is told of it later."""

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
def judged(trained):
    return trained.folder, trained.printed


def test_the_verdict_stands_in_the_run_folder_and_in_the_metrics(judged):
    folder, printed = judged
    told = json.loads((folder / "explanation.json").read_text())
    assert told["verdict"] == ("passed" if all(told["criteria"].values()) else "failed")
    assert told["layer"] == "conv3"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["explanation"] == {name: told[name] for name in ("verdict", "reasons")}
    assert told["figures"]["auc"] == [metrics["test"]["auc"], *metrics["test"]["auc_ci95"]]
    assert f"heat-maps: {told['verdict']}" in printed


def test_an_exported_samples_lesion_is_erased(judged):
    folder, _ = judged
    with (folder / "samples.csv").open() as file:
        rows = {one["sample_id"]: one for one in csv.DictReader(file)}
    assert len(list(folder.glob("cam/*/erased.json"))) == len(list((folder / "cam").iterdir()))
    sample = next(one.name for one in (folder / "cam").iterdir() if rows[one.name]["label"] == "1")
    row = rows[sample]
    told = json.loads((folder / "cam" / sample / "erased.json").read_text())
    (lesion,) = told["erased"]
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
    at = np.linalg.inv(scan.affine) @ [*center, 1]
    assert erased.get_fdata()[tuple(at[:3].round().astype(int))] < -600


def test_infer_tells_and_marks_a_failed_verdict(judged, workplace, trained):
    phantom = min(workplace.glob("outputs/cache/phantoms/*/phantom-000?.nii.gz"))
    verdicts = {"passed": ["It is right."], "failed": ["Not shown: it is right."]}
    pictures = {}
    for verdict, reasons in verdicts.items():
        file = workplace / f"{verdict}.ckpt"
        shutil.copy(trained.folder / "checkpoints" / "best.ckpt", file)
        add_metadata(file, explanation={"verdict": verdict, "reasons": reasons})
        options = ("explain.erase=true",) if verdict == "failed" else ()
        done = command(
            "infer.py", f"ckpt={file}", f"scan={phantom}", f"out={verdict}", *options, cwd=workplace
        )
        assert done.returncode == 0, done.stderr
        folder = workplace / verdict / phantom.name.removesuffix(".nii.gz")
        told = json.loads((folder / "prediction.json").read_text())
        assert told["explanation"]["verdict"] == verdict
        assert told["explanation"]["reasons"] == reasons
        assert ("Not shown" in done.stdout) == (verdict == "failed")
        assert ("erased" in told) == (verdict == "failed")
        pictures[verdict] = np.asarray(Image.open(folder / "render.png")).astype(int)
    # the words stand along the upper edge, and the rest of the picture is the same
    differs = np.abs(pictures["passed"] - pictures["failed"]).max(axis=2) > 30
    assert differs.any()
    assert np.flatnonzero(differs.any(axis=1)).max() < 0.03 * len(differs)
    assert all(one["source"] == "highlighted" for one in told["erased"])


def test_a_checkpoint_that_was_never_judged_is_unchecked(workplace, trained):
    phantom = min(workplace.glob("outputs/cache/phantoms/*/phantom-000?.nii.gz"))
    file = workplace / "unjudged.ckpt"
    shutil.copy(trained.folder / "checkpoints" / "best.ckpt", file)
    add_metadata(file, explanation=None)
    done = command(
        "infer.py", f"ckpt={file}", f"scan={phantom}", "out=never", "picture=false", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    (file,) = workplace.glob("never/*/prediction.json")
    assert json.loads(file.read_text())["explanation"]["verdict"] == "unchecked"
