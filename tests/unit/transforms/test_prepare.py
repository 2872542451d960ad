"""From a scan to the network's input."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torchio as tio

from lungcam.cohorts.phantom import make_phantom
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.lungs import lung_mask
from lungcam.scans import Scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungDilation,
    LungView,
    ZeroCentre,
    pipeline,
    prepare,
)

SHAPE = (36, 28, 36)


@pytest.fixture(scope="module")
def transforms():
    return pipeline(
        {
            "orient": tio.ToCanonical(),
            "threshold": HUThreshold(),
            "components": LungComponents(),
            "dilation": LungDilation(),
            "view": LungView(SHAPE, 9.0),
            "normalise": ZeroCentre(),
        }
    )


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(3, "malignant", matrix=96)


def scan_of(hu, affine):
    return Scan("a", Path("folder/a.nii.gz"), hu, Grid(hu.shape, affine))


def test_gives_the_input_and_the_masks(phantom, transforms):
    scan = scan_of(phantom.hu, phantom.affine)
    subject = prepare(scan, transforms)
    assert set(subject) == {"image", "lungs", "mask", "input", "input_lungs"}
    assert subject["input"].data.dtype.is_floating_point
    for name in ("input", "input_lungs"):
        assert subject[name].spatial_shape == SHAPE
        assert subject[name].affine[:3, :3] == pytest.approx(9 * np.eye(3))
    canonical = scan.grid.canonical
    for name in ("image", "lungs", "mask"):
        assert nib.aff2axcodes(subject[name].affine) == ("R", "A", "S")
        assert subject[name].spatial_shape == canonical.shape
        assert subject[name].affine == pytest.approx(canonical.affine)
    hu = reorient(scan.hu, scan.grid, canonical)
    assert np.array_equal(subject["image"].numpy()[0], hu)
    assert np.array_equal(subject["mask"].numpy()[0], lung_mask(hu, canonical.spacing_mm))


def test_input_is_normalised_over_the_lungs(phantom, transforms):
    subject = prepare(scan_of(phantom.hu, phantom.affine), transforms)
    values = subject["input"].numpy()[0]
    lungs = subject["input_lungs"].numpy()[0] > 0
    assert values.dtype == np.float32
    assert abs(values[lungs].mean()) < 1e-4
    assert values[lungs].std() == pytest.approx(1, abs=1e-4)


def test_scan_is_not_changed(phantom, transforms):
    scan = scan_of(phantom.hu.copy(), phantom.affine)
    prepare(scan, transforms)
    assert np.array_equal(scan.hu, phantom.hu)
    assert np.array_equal(scan.grid.affine, phantom.affine)


@pytest.mark.parametrize("codes", ["RAS", "LPI", "SAR", "PIR"])
def test_input_is_the_same_in_whatever_order_the_scan_is_stored(phantom, transforms, codes):
    stored = scan_of(phantom.hu, phantom.affine)
    assert nib.aff2axcodes(phantom.affine) == ("L", "P", "S")
    source = nib.Nifti1Image(phantom.hu, phantom.affine)
    change = nib.orientations.ornt_transform(
        nib.io_orientation(source.affine), nib.orientations.axcodes2ornt(tuple(codes))
    )
    other = source.as_reoriented(change)
    assert nib.aff2axcodes(other.affine) == tuple(codes)
    turned = scan_of(np.asanyarray(other.dataobj).copy(), other.affine)
    first, second = prepare(stored, transforms), prepare(turned, transforms)
    for name in ("input", "input_lungs", "lungs", "mask"):
        assert np.allclose(first[name].affine, second[name].affine, atol=1e-6)
        assert np.array_equal(first[name].numpy(), second[name].numpy())


def test_nodule_is_at_its_place_in_the_input(phantom, transforms):
    """What the network sees brightest near the nodule's place is the nodule."""
    subject = prepare(scan_of(phantom.hu, phantom.affine), transforms)
    grid = Grid(SHAPE, subject["input"].affine)
    at = np.rint(grid.to_index(np.array(phantom.center_mm))).astype(int)
    values, lungs = subject["input"].numpy()[0], subject["input_lungs"].numpy()[0] > 0
    assert values[tuple(at)] > np.percentile(values[lungs], 95)


@pytest.mark.parametrize("value", [40, -1000])
def test_scan_without_lungs_is_refused_by_name(transforms, value):
    scan = scan_of(np.full((20, 20, 20), value, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(InputError) as caught:
        prepare(scan, transforms)
    message = str(caught.value)
    assert str(scan.source) in message
    assert "No lungs" in message
    assert "\n" not in message
