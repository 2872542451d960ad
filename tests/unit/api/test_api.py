"""Scan, net and prediction for notebooks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lungcam
from lungcam import api
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.phantom import make_phantom
from lungcam.scans import write_volume

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """Volume of a phantom, with its second axis reversed: the scan's own order is not RAS+."""
    phantom = make_phantom(0, "malignant", matrix=96)
    affine = phantom.affine.copy()
    affine[:3, 3] += affine[:3, 1] * (phantom.hu.shape[1] - 1)
    affine[:3, 1] *= -1
    path = tmp_path_factory.mktemp("scan") / "chest.nii.gz"
    write_volume(path, phantom.hu[:, ::-1], grid=Grid(phantom.hu.shape, affine))
    return path


def test_importing_lungcam_stays_light():
    code = (
        "import sys, lungcam; heavy = [n for n in ('numpy', 'torch') if n in sys.modules]; "
        "print(heavy, 'read_scan' in dir(lungcam), lungcam.read_scan.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[] True lungcam.api.scan\n", done.stderr
    with pytest.raises(AttributeError, match="no attribute 'raed_scan'"):
        _ = lungcam.raed_scan


def test_the_stub_names_what_the_package_offers():
    stub = (ROOT / "lungcam" / "__init__.pyi").read_text()
    names = re.findall(r"import \w+ as (\w+)", stub)
    assert sorted(names) == sorted(lungcam._MODULES)
    assert sorted(lungcam._API) == sorted(api.__all__)
    assert (ROOT / "lungcam" / "py.typed").is_file()


def test_a_mask_lies_on_the_scans_own_grid(file):
    scan = lungcam.read_scan(file)
    phantom = make_phantom(0, "malignant", matrix=96)
    mask = scan.mask(margin_mm=0)
    assert mask.shape == scan.hu.shape
    assert mask.dtype == bool
    truth = phantom.lungs[:, ::-1]
    # the lungs as drawn, in the reversed order
    assert (mask & truth).sum() / truth.sum() > 0.95
    assert (mask & truth[:, ::-1]).sum() < 0.9 * (mask & truth).sum()
    with pytest.raises(InputError, match=r"chest\.nii\.gz: "):
        scan.mask("heart")


def test_a_scan_is_described_in_one_line(file):
    scan = lungcam.read_scan(str(file))
    assert re.fullmatch(r"<CTScan chest: 96 x 96 x \d+ voxels of [\d.x ]+ mm>", repr(scan))
    assert scan.spacing_mm == scan.grid.spacing_mm
    html = scan._repr_html_()
    assert "CTScan chest" in html
    assert html.count("data:image/png;base64,") == 1


def test_a_missing_scan_and_net_are_named(tmp_path, file):
    with pytest.raises(InputError, match="none"):
        lungcam.read_scan(tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match="there is no such checkpoint"):
        lungcam.read_scan(file).predict(tmp_path / "none.ckpt")
