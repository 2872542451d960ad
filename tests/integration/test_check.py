"""`python -m lungcam check` from end to end."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from lungcam.grid import Grid
from lungcam.phantom import make_phantom
from lungcam.scans import write_volume


def check(*arguments, cwd) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lungcam", "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Write a phantom, one with an opaque left lung, a crop of two slices and a damaged file."""
    folder = tmp_path_factory.mktemp("scans")
    phantom = make_phantom(3, "healthy", matrix=96)
    grid = Grid(phantom.hu.shape, phantom.affine)
    write_volume(folder / "whole.nii.gz", phantom.hu, grid=grid)
    opaque = phantom.hu.copy()
    x = grid.to_world(np.argwhere(phantom.lungs))[:, 0]
    left = np.argwhere(phantom.lungs)[x < 0]
    opaque[tuple(left.T)] = 30
    write_volume(folder / "opaque.nii.gz", opaque, grid=grid)
    (folder / "damaged.nii.gz").write_bytes((folder / "whole.nii.gz").read_bytes()[:3000])
    lungs = np.argwhere(phantom.lungs)
    i, j, k = lungs[len(lungs) // 2]
    crop = (slice(i - 10, i + 10), slice(j - 10, j + 10), slice(k, k + 2))
    write_volume(folder / "crop.nii.gz", phantom.hu[crop], grid=grid.crop(crop))
    return folder


def test_each_scan_has_one_line_and_the_worst_determines_the_exit_code(scans, tmp_path):
    done = check(scans, f"out={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = {line.split()[1].split("/")[-1].rstrip(":"): line for line in done.stdout.splitlines()}
    assert lines["whole.nii.gz"].startswith("ok ")
    assert lines["opaque.nii.gz"].startswith("LOOK ")
    assert "little air on the left" in lines["opaque.nii.gz"]
    for name in ("damaged.nii.gz", "crop.nii.gz"):
        assert lines[name].startswith("REFUSED ")
    assert "4 scan(s): 2 refused, 1 to be looked at." in done.stdout
    report = json.loads((tmp_path / "check.json").read_text())
    assert [scan["usable"] for scan in report].count(True) == 2
    assert (tmp_path / "masks.html").is_file()


def test_a_crop_of_two_slices_suits_the_nodule_view(scans, tmp_path):
    done = check(scans / "crop.nii.gz", "view=nodule", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "no fault found" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the scans"),
        (["gone"], "gone"),
        (["view=heart", "."], "view=heart"),
        (["veiw=nodule", "."], "veiw"),
        (["mask=hull", "whole.nii.gz"], "mask=hull"),
        (["--fast", "."], "--fast"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(scans, arguments, message):
    done = check(*arguments, cwd=scans)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert message in line
    assert line.startswith("lungcam: ")


def test_the_scan_on_disk_is_not_changed(scans, tmp_path):
    before = nib.load(scans / "whole.nii.gz").get_fdata().sum()
    check(scans / "whole.nii.gz", cwd=tmp_path)
    assert nib.load(scans / "whole.nii.gz").get_fdata().sum() == before
