"""The pipeline from a scan to the network's input, its background and the quality of its masks."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.errors import InputError
from lungcam.explain.inpaint import sphere
from lungcam.grid import Grid, reorient
from lungcam.lungs import lung_mask, mask_findings, mask_quality, thumbnail
from lungcam.phantom import make_phantom
from lungcam.scans import Scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    ZeroCentre,
    background,
    mask_thumbnail,
    pipeline,
    prepare,
    quality,
    shows_whole_chest,
)
from lungcam.transforms.pipeline import reapply_view
from lungcam.transforms.subject import grid, volume

AFFINE = np.diag([-4.0, 4.0, 5.0, 1.0])


@pytest.fixture(scope="module")
def scan():
    """Make a body with two lungs and a lesion on the wall of one; axes run to the left."""
    image_grid = Grid((80, 60, 50), AFFINE)
    hu = np.full(image_grid.shape, -1000, np.int16)
    hu[8:72, 8:52] = 40
    hu[14:36, 14:46, 5:45] = -850
    hu[44:66, 14:46, 5:45] = -850
    hu += np.random.default_rng(0).integers(-20, 20, image_grid.shape).astype(np.int16)
    hu[14:22, 26:34, 20:28] = 50
    return Scan(name="s", source="s", hu=hu, grid=image_grid)


def lung_steps():
    return pipeline(
        {
            "threshold": HUThreshold(-350),
            "components": LungComponents(),
            "mask": LungMask("cavity", 4),
            "view": LungView((32, 24, 32), 9.0),
            "normalise": ZeroCentre(),
        }
    )


@pytest.mark.parametrize("steps", [lung_steps(), pipeline({"view": NoduleView((16,) * 3, 4.0)})])
def test_an_unchanged_scan_gives_the_same_input(scan, steps):
    center = scan.grid.to_world((18, 30, 24))
    subject = prepare(scan, steps, center_mm=center)
    reapplied = reapply_view(subject, volume(subject, "image"), transforms=steps)
    for name in ("input", "input_lungs"):
        assert np.array_equal(volume(reapplied, name), volume(subject, name))
        assert np.array_equal(grid(reapplied, name).affine, grid(subject, name).affine)


def test_removing_a_lesion_on_the_wall_does_not_move_the_input(scan):
    steps = lung_steps()
    subject = prepare(scan, steps)
    image_grid, hu = grid(subject, "image"), volume(subject, "image")
    changed = hu.copy()
    changed[sphere(image_grid, scan.grid.to_world((18, 30, 24)), diameter_mm=40)] = -850
    reapplied = reapply_view(subject, changed, transforms=steps)
    assert np.array_equal(grid(reapplied, "input").affine, grid(subject, "input").affine)
    assert np.array_equal(volume(reapplied, "lungs"), volume(subject, "lungs"))
    # far from it only the normalisation differs, by a little
    differs = np.abs(volume(reapplied, "input") - volume(subject, "input")) > 0.1
    assert differs.any()
    points = grid(reapplied, "input").to_world(np.argwhere(differs))
    assert np.linalg.norm(points - scan.grid.to_world((18, 30, 24)), axis=1).max() < 50


@pytest.mark.parametrize(
    ("window", "expected"), [((-1000, 400), -11 / 14), ((-1000, 1000), -0.85), ((-600, 400), -1)]
)
def test_the_background_of_the_nodule_view_is_lung_tissue(window, expected):
    steps = {"view": NoduleView((8, 8, 8), 1.0, window)}
    assert background(pipeline(steps)) == pytest.approx(expected)


def test_the_background_of_the_lungs_view_is_their_mean():
    assert background(pipeline({"view": LungView((8, 8, 8), 5.0)})) == 0


SHAPE = (36, 28, 36)
ON_THE_SCAN = ("image", "lungs", "airway", "mask")


@pytest.fixture(scope="module")
def transforms():
    return pipeline(
        {
            "threshold": HUThreshold(),
            "components": LungComponents(),
            "mask": LungMask(),
            "view": LungView(SHAPE, 9.0),
            "normalise": ZeroCentre(),
        }
    )


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(3, "malignant", matrix=96)


def scan_of(hu, affine):
    return Scan(name="a", source=Path("folder/a.nii.gz"), hu=hu, grid=Grid(hu.shape, affine))


def test_the_pipeline_adds_the_input_and_the_masks(phantom, transforms):
    scan = scan_of(phantom.hu, phantom.affine)
    subject = prepare(scan, transforms)
    assert set(subject) == {*ON_THE_SCAN, "input", "input_lungs"}
    assert subject["input"].data.dtype.is_floating_point
    for name in ("input", "input_lungs"):
        assert subject[name].spatial_shape == SHAPE
        assert subject[name].affine[:3, :3] == pytest.approx(9 * np.eye(3))
    canonical = scan.grid.canonical
    for name in ON_THE_SCAN:
        assert volume(subject, name).shape == canonical.shape
        assert grid(subject, name).affine == pytest.approx(canonical.affine)
    hu = reorient(scan.hu, scan.grid, target=canonical)
    assert np.array_equal(volume(subject, "image"), hu)
    assert volume(subject, "airway").any()
    assert not (volume(subject, "airway") & volume(subject, "lungs")).any()
    assert np.array_equal(volume(subject, "mask"), lung_mask(hu, canonical.spacing_mm))


def test_scan_is_viewed_and_not_copied(phantom, transforms):
    """A CT has a hundred million voxels: a copy would take more time than finding its lungs."""
    scan = scan_of(phantom.hu, phantom.affine)
    assert all(step > 0 for step in scan.hu.strides)
    assert np.shares_memory(volume(prepare(scan, transforms), "image"), scan.hu)


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
def test_input_is_the_same_for_every_stored_axis_order(phantom, transforms, codes):
    stored = scan_of(phantom.hu, phantom.affine)
    assert nib.aff2axcodes(phantom.affine) == ("L", "P", "S")
    source = nib.Nifti1Image(phantom.hu, phantom.affine)
    change = nib.orientations.ornt_transform(
        nib.io_orientation(source.affine), nib.orientations.axcodes2ornt(tuple(codes))
    )
    other = source.as_reoriented(change)
    assert nib.aff2axcodes(other.affine) == tuple(codes)
    turned = scan_of(np.asanyarray(other.dataobj).copy(), other.affine)
    assert_same(prepare(stored, transforms), prepare(turned, transforms))


@settings(deadline=None, max_examples=12)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_input_is_the_same_for_every_memory_layout(phantom, transforms, laid_out, order, backwards):
    """Also for a view with reversed axes, which torch does not support."""
    hu = laid_out(phantom.hu, order, backwards)
    assert any(step < 0 for step in hu.strides) == any(backwards)
    first = prepare(scan_of(phantom.hu, phantom.affine), transforms)
    assert_same(first, prepare(scan_of(hu, phantom.affine), transforms))


def assert_same(first, second):
    for name in (*ON_THE_SCAN, "input", "input_lungs"):
        assert np.allclose(grid(first, name).affine, grid(second, name).affine, atol=1e-6)
        if name == "input":
            # sums are in another order
            assert np.allclose(volume(first, name), volume(second, name), atol=1e-4)
        else:
            assert np.array_equal(volume(first, name), volume(second, name))


def test_nodule_is_at_its_place_in_the_input(phantom, transforms):
    """The nodule is brighter than nearly all of the lungs at its place in the input."""
    subject = prepare(scan_of(phantom.hu, phantom.affine), transforms)
    grid = Grid(SHAPE, subject["input"].affine)
    index = np.rint(grid.to_index(np.array(phantom.center_mm))).astype(int)
    values, lungs = subject["input"].numpy()[0], subject["input_lungs"].numpy()[0] > 0
    assert values[tuple(index)] > np.percentile(values[lungs], 95)


@pytest.mark.parametrize("value", [40, -1000])
def test_scan_without_lungs_is_refused_by_name(transforms, value):
    scan = scan_of(np.full((20, 20, 20), value, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(InputError) as caught:
        prepare(scan, transforms)
    message = str(caught.value)
    assert str(scan.source) in message
    assert "No lungs" in message
    assert message.endswith(" Give a CT of the whole chest, in HU.")
    assert "\n" not in message


def test_an_error_of_the_nodule_view_does_not_ask_for_a_whole_chest():
    """A crop of a single value cannot be normalised."""
    steps = {"view": NoduleView((4, 4, 4), 1.0), "normalise": ZeroCentre()}
    scan = scan_of(np.full((9, 9, 9), 40, np.int16), np.eye(4))
    with pytest.raises(InputError) as caught:
        prepare(scan, pipeline(steps))
    assert str(caught.value).startswith(f"{scan.source}: The lungs are empty or hold one value")
    assert "whole chest" not in str(caught.value)


def test_the_nodules_centre_reaches_the_transforms(phantom):
    scan = scan_of(phantom.hu, phantom.affine)
    view = pipeline({"view": NoduleView((9, 9, 9), 2.0)})
    subject = prepare(scan, view, center_mm=phantom.center_mm)
    assert "lungs" not in subject
    center = grid(subject, "input").to_world([4, 4, 4])
    assert center == pytest.approx(np.array(phantom.center_mm), abs=1e-6)
    middle = grid(prepare(scan, view), "input").to_world([4, 4, 4])
    assert middle == pytest.approx(scan.grid.to_world((np.array(scan.hu.shape) - 1) / 2), abs=1e-6)


@pytest.fixture(scope="module")
def lungs():
    steps = {"threshold": HUThreshold(), "components": LungComponents(), "mask": LungMask()}
    return pipeline(steps)


@pytest.fixture(scope="module")
def nodule():
    return pipeline({"view": NoduleView((8, 8, 8))})


@pytest.fixture(scope="module")
def scan_quality():
    """Make a phantom with lungs that the field of view cuts below."""
    phantom = make_phantom(1, "healthy", matrix=96)
    hu = phantom.hu[:, :, 30:]
    return Scan(name="a", source=Path("a.nii.gz"), hu=hu, grid=Grid(hu.shape, phantom.affine))


def test_quality_is_that_of_the_plain_functions(lungs, scan_quality):
    subject = prepare(scan_quality, lungs)
    result = quality(subject)
    hu, inside, mask = (volume(subject, name) for name in ("image", "lungs", "mask"))
    spacing_mm = grid(subject, "image").spacing_mm
    assert result.figures == mask_quality(hu, inside, mask=mask, spacing_mm=spacing_mm)
    assert result.findings == mask_findings(result.figures)
    assert [finding.code for finding in result.findings] == ["cut_bottom"]
    picture = mask_thumbnail(subject)
    assert np.array_equal(picture, thumbnail(hu, inside, mask=mask, spacing_mm=spacing_mm))


def test_a_view_without_masks_has_no_quality(nodule, scan_quality):
    subject = prepare(scan_quality, nodule)
    result = quality(subject)
    assert (result.figures, result.findings, mask_thumbnail(subject)) == ({}, [], None)


def test_only_the_lungs_view_needs_a_whole_chest(lungs, nodule):
    assert shows_whole_chest(lungs)
    assert not shows_whole_chest(nodule)
