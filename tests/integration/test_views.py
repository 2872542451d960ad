"""The nodule view: from crops and centres to a prediction, without a lung mask."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from lungcam.grid import Grid
from lungcam.scans import read_scan, write_volume

from .conftest import TINY, command


@pytest.fixture(scope="module")
def nodule_run(workplace, trained):
    """Train on the cubes around the nodules of phantoms."""
    small = [setting for setting in TINY if not setting.startswith("view.")]
    shape = ("view=nodule", "view.shape=[16,16,16]", "view.spacing_mm=2", "data.n=24")
    done = command("train.py", *small, *shape, "hydra.run.dir=nodule", cwd=workplace)
    assert done.returncode == 0, done.stderr
    return workplace / "nodule"


@pytest.fixture(scope="module")
def crop(workplace, nodule_run):
    """Write two slices of a phantom, 40 mm wide."""
    scan = read_scan(next(workplace.glob("outputs/cache/phantoms/*/phantom-0001.nii.gz")))
    middle = [n // 2 for n in scan.grid.shape]
    half = [round(20 / mm) for mm in scan.grid.spacing_mm[:2]]
    box = (
        *(slice(m - h, m + h) for m, h in zip(middle, half, strict=False)),
        slice(middle[2], middle[2] + 2),
    )
    grid = scan.grid.crop(box)
    write_volume(workplace / "crop.nii.gz", scan.hu[box], grid=Grid(grid.shape, grid.affine))
    return workplace / "crop.nii.gz"


def test_only_samples_with_a_centre_are_trained_on(nodule_run):
    with (nodule_run / "samples.csv").open(newline="") as file:
        images = [nodule_run / row["image"] for row in csv.DictReader(file)]
    for image in images:
        truth = image.with_name(image.name.replace(".nii.gz", ".json"))
        assert json.loads(truth.read_text())["center_mm"] is not None
    assert len(images) > 7


def test_a_crop_of_two_slices_is_predicted(workplace, nodule_run, crop):
    done = command("infer.py", "ckpt=nodule", f"scan={crop}", "out=crops", cwd=workplace)
    assert done.returncode == 0, done.stderr
    folder = workplace / "crops" / "crop"
    files = {"prediction.json", "heatmap.nii.gz", ".lungcam-written"}
    assert {path.name for path in folder.iterdir()} == files
    prediction = json.loads((folder / "prediction.json").read_text())
    assert prediction["mask_quality"] is None
    # two slices within a nodule show no lung
    (warning,) = prediction["warnings"]
    assert warning.startswith("no voxel of the crop is lung")
    heat, image = nib.load(folder / "heatmap.nii.gz"), nib.load(crop)
    assert heat.shape == image.shape
    assert np.allclose(heat.affine, image.affine, atol=1e-4)


@pytest.fixture(scope="module")
def searched(workplace, nodule_run):
    """Return the scan that was searched, and the folder of the results."""
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0001.nii.gz"))
    done = command("infer.py", "ckpt=nodule", f"scan={scan}", "out=whole", cwd=workplace)
    assert done.returncode == 0, done.stderr
    return scan, workplace / "whole" / "phantom-0001"


def test_a_whole_scan_is_searched(searched):
    scan, folder = searched
    prediction = json.loads((folder / "prediction.json").read_text())
    assert "The lungs were searched for nodules" in prediction["warnings"][-1]
    candidates = prediction["candidates"]
    suspicions = [candidate["probability"] for candidate in candidates]
    assert suspicions == sorted(suspicions, reverse=True)
    assert prediction["probability"] == pytest.approx(suspicions[0], abs=1e-5)
    assert suspicions[0] == pytest.approx(
        candidates[0]["nodule"] * candidates[0]["rating"], abs=1e-5
    )
    # 10 mm apart, in the lungs
    image, searched = nib.load(scan), nib.load(folder / "mask.nii.gz")
    assert np.allclose(searched.affine, image.affine, atol=1e-4)
    centers = np.array([candidate["center_ras_mm"] for candidate in candidates])
    distances = np.linalg.norm(centers[:, None] - centers[None], axis=2)
    assert (distances + 99 * np.eye(len(centers))).min() >= 10 - 0.02
    inside = np.asarray(searched.dataobj) > 0
    lungs = nib.affines.apply_affine(image.affine, np.argwhere(inside))
    assert max(np.abs(lungs - center).max(axis=1).min() for center in centers) <= 8
    assert {candidate["side"] for candidate in candidates} <= {"left", "right"}
    heat = np.asarray(nib.load(folder / "heatmap.nii.gz").dataobj)
    assert heat.shape == image.shape
    assert np.abs(heat[inside]).max() > 0
    detection = nib.load(folder / "detection.nii.gz")
    assert np.allclose(detection.affine, image.affine, atol=1e-4)
    assert 0 < np.asarray(detection.dataobj).max() <= 1


def test_a_searched_scan_has_a_picture(opengl, searched):
    assert (searched[1] / "render.png").is_file()


def test_the_lungs_view_refuses_a_crop_with_the_reason(workplace, trained, crop):
    done = command("infer.py", "ckpt=run", f"scan={crop}", "out=refused_crop", cwd=workplace)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "crop.nii.gz" in line
    assert "whole chest" in line
    assert not (workplace / "refused_crop").exists()
