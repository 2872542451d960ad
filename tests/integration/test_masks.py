"""Masks of other programs in `infer.py`: of lungs without air, and of lesions in a table."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from .conftest import command


@pytest.fixture(scope="module")
def opaque(workplace, trained):
    """A phantom with its left lung opaque, and both its lungs as lungmask's labels."""
    image = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    folder = workplace / "opaque"
    folder.mkdir()
    scan = nib.load(image)
    hu = np.asarray(scan.dataobj).copy()
    done = command("infer.py", "ckpt=run", f"scan={image}", "out=whole", cwd=workplace)
    assert done.returncode == 0, done.stderr
    lungs = np.asarray(nib.load(workplace / "whole/phantom-0000/lungs.nii.gz").dataobj) != 0
    x = nib.affines.apply_affine(scan.affine, np.argwhere(lungs))[:, 0]
    labels = np.zeros(hu.shape, np.uint8)
    labels[lungs] = np.where(x > np.median(x), 1, 2)
    hu[labels == 2] = np.random.default_rng(0).normal(25, 10, (labels == 2).sum())
    nib.save(nib.Nifti1Image(hu, scan.affine), folder / "ct.nii.gz")
    nib.save(nib.Nifti1Image(labels, scan.affine), folder / "lungs.nii.gz")
    nib.save(nib.Nifti1Image(labels[:, ::-1], scan.affine), folder / "mirrored.nii.gz")
    return folder


def test_given_lungs_replace_those_of_the_air(workplace, opaque):
    settings = ("ckpt=run", f"scan={opaque}/ct.nii.gz", "picture=false")
    plain = command("infer.py", *settings, "out=air", cwd=workplace)
    mask = opaque / "lungs.nii.gz"
    done = command("infer.py", *settings, "out=given", f"lungs.mask={mask}", cwd=workplace)
    assert (plain.returncode, done.returncode) == (0, 0), done.stderr
    volumes = {
        (out, name): np.asarray(nib.load(workplace / out / "ct" / f"{name}.nii.gz").dataobj) != 0
        for out in ("air", "given")
        for name in ("lungs", "mask")
    }
    labels = np.asarray(nib.load(mask).dataobj)
    assert np.array_equal(volumes["given", "lungs"], labels != 0)
    # nothing made from air holds the opaque lung, and the given mask shows all of it
    assert volumes["air", "lungs"][labels == 2].mean() < 0.1
    assert volumes["air", "mask"][labels == 2].mean() < 0.7
    assert volumes["given", "mask"][labels != 0].all()
    records = [
        json.loads((workplace / out / "ct/prediction.json").read_text()) for out in ("air", "given")
    ]
    assert any("left" in warning for warning in records[0]["warnings"])
    assert not any(
        "% of the lungs lie on the left" in warning for warning in records[1]["warnings"]
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lungs.mask={folder}/mirrored.nii.gz", "front and back are exchanged"),
        ("lungs.mask={folder}/absent.nii.gz", "check lungs.mask="),
        ("lungs.mask={folder}/lungs.nii.gz lungs.segment=7", "it has no label 7; it has 1, 2"),
        ("lungs.mask={folder}/lungs.nii.gz lungs.segment=[7,9]", "it has no label 7; it has 1, 2"),
        ("lungs.segment=1", "give lungs.mask=, too"),
        ("time=3", "there is no volume time=3"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(workplace, opaque, setting, message):
    settings = setting.format(folder=opaque).split()
    scan = f"scan={opaque}/ct.nii.gz"
    done = command("infer.py", "ckpt=run", scan, "out=none", *settings, cwd=workplace)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (workplace / "none").exists()


def test_masks_of_one_scan_are_refused_for_many(workplace, opaque):
    settings = (f"scan={opaque}", f"lungs.mask={opaque}/lungs.nii.gz")
    done = command("infer.py", "ckpt=run", *settings, "out=none", cwd=workplace)
    assert done.returncode == 2
    assert "give a table with a column lungs_mask" in done.stderr


def test_a_table_names_masks_and_a_mirrored_one_leaves_out_its_row(workplace, trained):
    with (trained.folder / "samples.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["label"] == "1")
    image, mask = ((trained.folder / row[name]).resolve() for name in ("image", "mask"))
    folder = workplace / "masked"
    folder.mkdir()
    lesion = nib.load(mask)
    values = np.asarray(lesion.dataobj)
    several = np.zeros(values.shape, np.uint8)
    several[:3, :3, :3] = 5
    several[values != 0] = 2
    nib.save(nib.Nifti1Image(several, lesion.affine), folder / "several.nii.gz")
    nib.save(nib.Nifti1Image(several[::-1, ::-1, ::-1], lesion.affine), folder / "mirrored.nii.gz")
    (folder / "table.csv").write_text(
        "sample_id,image,mask,segment,label\n"
        f"right,{image},several.nii.gz,2,1\n"
        f"wrong,{image},mirrored.nii.gz,2,1\n"
    )
    settings = (f"scan={folder}/table.csv", "explain.erase=true", "explain.benchmark=true")
    done = command("infer.py", "ckpt=run", *settings, "out=masked_out", cwd=workplace)
    assert done.returncode == 0, done.stderr
    record = json.loads((workplace / "masked_out/right/prediction.json").read_text())
    (erased,) = record["erased"]
    volume_ml = (values != 0).sum() * abs(np.linalg.det(lesion.affine[:3, :3])) / 1000
    # erased with a margin
    assert volume_ml < erased["volume_ml"] < 8 * volume_ml + 2
    with (workplace / "masked_out/predictions.csv").open() as file:
        errors = {row["sample_id"]: row["error"] for row in csv.DictReader(file)}
    assert not errors["right"]
    assert "cannot be used as the mask of a lesion" in errors["wrong"]
