"""The cube around a nodule: its centre, its grid and its values beyond the end of the image."""

import math
import re

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
import torchio as tio
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torchmetrics.functional.classification import binary_auroc

from lungcam.cohorts.table import table_cohort
from lungcam.grid import Grid, reorient, resample
from lungcam.scans import Scan
from lungcam.transforms import LungView, NoduleView, is_crop, pipeline, place_center, prepare
from lungcam.transforms.subject import grid, volume

CROP = Grid((40, 40, 8), np.diag([-1.0, -1.0, 2.5, 1.0]))
CHEST = Grid((200, 200, 60), np.diag([1.5, 1.5, 5.0, 1.0]))


@pytest.mark.parametrize(
    ("extent_mm", "crop"),
    [
        ((30, 30, 10), True),
        ((300, 300, 99.9), True),
        ((100, 100, 100), False),
        ((40, 400, 400), True),
    ],
)
def test_an_image_short_along_any_axis_is_a_crop(extent_mm, crop):
    assert is_crop(extent_mm) is crop


def test_a_centre_inside_is_unchanged():
    for center in ((0, 0, 0), (-20.5, -3, 9), (-39.4, 0.4, 18.7)):
        assert place_center(CROP, center) == (center, [])
        assert place_center(CHEST, np.abs(center)) is not None


def test_without_a_centre_the_middle_is_shown_without_a_finding():
    assert place_center(CROP, None) == (None, [])
    assert place_center(CHEST, None) == (None, [])


@pytest.mark.parametrize(
    ("center", "mm"),
    [
        # by hand: along x the crop reaches from 0.5 to -39.5, along z from -1.25 to 18.75
        ((1.5, -10, 0), "1.0"),
        ((-49.5, -10, 0), "10.0"),
        ((-10, -10, 21.25), "2.5"),
        ((-10, -10, -3.75), "2.5"),
        ((3.5, -10, 22.75), "5.0"),
    ],
)
def test_the_middle_of_a_crop_is_shown_if_its_centre_lies_outside(center, mm):
    place, (finding,) = place_center(CROP, center)
    assert place is None
    assert (finding.code, finding.outcome) == ("center_outside", "flagged")
    assert f"its centre lies {mm} mm outside the image" in finding.message
    assert "the crop's middle is shown" in finding.sentence


def test_a_centre_outside_a_whole_scan_is_refused_with_a_hint_at_lps_and_ras():
    with pytest.raises(ValueError, match=r"centre lies 50\.0 mm outside the image.*LPS or RAS"):
        place_center(CHEST, (-50.75, 10, 10))


def test_a_rounded_coordinate_on_the_face_is_inside():
    assert place_center(CROP, (0.505, 0, 0))[1] == []
    assert place_center(CROP, (0.52, 0, 0))[1] != []


@settings(deadline=None)
@given(
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(0.5, 5)] * 3),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.integers(0, 2),
    st.floats(0.1, 300),
    st.booleans(),
)
def test_the_reported_distance_is_the_distance_to_the_face(
    degrees, spacing, shape, share, axis, beyond, low
):
    """In any orientation: a point on a face, moved out along the face's normal."""
    affine = np.eye(4)
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = (-30, 50, 700)
    crop_grid = Grid(shape, affine)
    index = np.array(share) * shape - 0.5
    assert place_center(crop_grid, tuple(crop_grid.to_world(index)))[1] == []
    index[axis] = -0.5 if low else shape[axis] - 0.5
    outside = crop_grid.to_world(index) + rotation[:, axis] * (-beyond if low else beyond)
    place, (finding,) = place_center(crop_grid, outside)
    assert place is None
    distance = float(finding.message.split(" lies ")[1].split(" mm")[0])
    assert distance == pytest.approx(beyond, abs=0.0501)


def test_one_of_the_public_crops_has_its_centre_outside(sample_data):
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    outside = []
    for sample in cohort.samples:
        header = nib.load(sample.image)
        if place_center(Grid(header.shape, header.affine), sample.center_mm)[1]:
            outside.append(sample.sample_id)
    assert outside == ["LIDC-IDRI-0332_R_1"]


QUICK = settings(deadline=None, max_examples=40)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# the view's values are rounded to whole HU
ROUNDED = 0.52

spacings = st.tuples(*[st.sampled_from([0.6, 0.75, 1.0, 1.4, 2.5, 5.0])] * 3)
shapes = st.tuples(*[st.integers(1, 12)] * 3)


@st.composite
def crops(draw, tilted=40):
    """Draw the grid of a crop: oblique up to `tilted` degrees, axes in any order and direction."""
    degrees = draw(st.tuples(*[st.floats(-tilted, tilted)] * 3))
    linear = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine = np.eye(4)
    signs = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine[:3, :3] = linear[:, draw(st.permutations(range(3)))] * signs * draw(spacings)
    affine[:3, 3] = draw(st.tuples(*[st.floats(-200, 200)] * 3))
    return Grid(draw(shapes), affine)


def subject_of(hu: np.ndarray, crop_grid: Grid, center_mm=None) -> tio.Subject:
    image = tio.ScalarImage(tensor=torch.from_numpy(hu)[None], affine=crop_grid.affine)
    subject = tio.Subject(image=image)
    if center_mm is not None:
        subject["center_mm"] = tuple(center_mm)
    return subject


def to_sitk(hu: np.ndarray, crop_grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    lps = LPS_TO_RAS @ crop_grid.affine
    image.SetSpacing(crop_grid.spacing_mm)
    image.SetDirection((lps[:3, :3] / crop_grid.spacing_mm).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


@QUICK
@given(
    crops(),
    st.tuples(*[st.integers(1, 10)] * 3),
    st.floats(0.3, 8),
    st.integers(-1024, 1500),
    st.one_of(st.none(), st.tuples(*[st.floats(-60, 60)] * 3)),
)
def test_a_constant_crop_of_any_size_gives_a_constant_cube(
    crop_grid, shape, spacing_mm, value, off
):
    """A border, or the rounding alone, would reveal the size of the crop and so of the nodule."""
    center = None if off is None else crop_grid.to_world((np.array(crop_grid.shape) - 1) / 2) + off
    view = NoduleView(shape, spacing_mm)
    hu = np.full(crop_grid.shape, value, np.int16)
    values = volume(view(subject_of(hu, crop_grid, center)), "input")
    assert values.shape == shape
    assert values.dtype == np.float32
    assert np.allclose(values, np.clip((value + 1000) / 700 - 1, -1, 1), atol=2e-6)
    one_voxel = Grid((1, 1, 1), np.eye(4))
    same = volume(view(subject_of(np.full((1, 1, 1), value, np.int16), one_voxel)), "input")
    assert values.tobytes() == same.tobytes()


@QUICK
@given(crops(), st.integers(0, 10**6), st.floats(0.3, 1), st.tuples(*[st.floats(-15, 15)] * 3))
def test_values_agree_with_simpleitks_extrapolation_by_the_nearest_voxel(
    crop_grid, seed, share, off
):
    """If the cube is not coarser than the crop, resampling is linear interpolation."""
    hu = np.random.default_rng(seed).integers(-1000, 400, crop_grid.shape).astype(np.int16)
    center = crop_grid.to_world((np.array(crop_grid.shape) - 1) / 2) + off
    view = NoduleView((7, 8, 9), share * min(crop_grid.spacing_mm))
    out = view(subject_of(hu, crop_grid, center))
    target = grid(out, "input")
    assert target.to_world([3, 3.5, 4]) == pytest.approx(center, abs=1e-6)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(to_sitk(np.zeros(target.shape, np.float32), target))
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetUseNearestNeighborExtrapolator(True)
    expected = resampler.Execute(to_sitk(hu.astype(np.float32), crop_grid))
    expected = sitk.GetArrayFromImage(expected).transpose(2, 1, 0)
    index = crop_grid.to_index(target.to_world(np.moveaxis(np.indices(target.shape), 0, -1)))
    # SimpleITK takes the nearest voxel along all axes if a point lies beyond a face along any;
    # for a point on a face rounding decides
    face, last = -0.5, np.array(crop_grid.shape) - 0.5
    within = ((index > face + 1e-6) & (index < last - 1e-6)).all(axis=-1)
    # beyond the faces along all axes the nearest voxel is the corner
    corner = ((index < face - 1e-6) | (index > last + 1e-6)).all(axis=-1)
    shown_hu = (volume(out, "input") + 1) * 700 - 1000
    for chosen in (within, corner):
        assert np.allclose(shown_hu[chosen], expected[chosen], atol=ROUNDED)


@QUICK
@given(crops(), st.integers(0, 10**6), st.floats(0.3, 6), st.tuples(*[st.floats(-20, 20)] * 3))
def test_values_are_those_of_a_crop_continued_beforehand(crop_grid, seed, spacing_mm, off):
    """Oracle for coarse cubes too: the crop with its edges repeated, and no border in reach."""
    hu = np.random.default_rng(seed).integers(-1000, 400, crop_grid.shape).astype(np.int16)
    center = crop_grid.to_world((np.array(crop_grid.shape) - 1) / 2) + off
    view = NoduleView((4, 5, 6), spacing_mm)
    beyond = [int(70 / mm) + 3 for mm in crop_grid.spacing_mm]
    affine = crop_grid.affine.copy()
    affine[:3, 3] = crop_grid.to_world([-n for n in beyond])
    continued = np.pad(hu, [(n, n) for n in beyond], mode="edge")
    out = view(subject_of(hu, crop_grid, center))
    whole = Grid(continued.shape, affine)
    expected = resample(
        reorient(continued, whole, target=whole.canonical),
        whole.canonical,
        target=grid(out, "input"),
    )
    assert np.allclose((volume(out, "input") + 1) * 700 - 1000, expected, atol=ROUNDED)


@pytest.mark.parametrize("slices", [1, 2])
def test_crop_of_few_slices_works(slices):
    """LIDC's smallest nodules come as crops of two slices."""
    crop_grid = Grid((43, 43, slices), np.diag([-0.7, -0.7, 2.5, 1.0]))
    hu = np.full(crop_grid.shape, -800, np.int16)
    hu[18:25, 18:25, 0] = 0
    hu[18:25, 18:25, -1] = 100
    values = volume(NoduleView()(subject_of(hu, crop_grid)), "input")
    assert values.shape == (32, 32, 32)
    line = (values[16, 16] + 1) * 700 - 1000
    assert line[0] == pytest.approx(0 if slices == 2 else 100, abs=0.1)
    assert line[-1] == pytest.approx(100, abs=0.1)
    assert (np.diff(line) >= -0.01).all()


def test_the_outermost_voxels_are_continued_beyond_the_crop():
    """By hand: three slices of 0, 100 and 200 HU in a cube of seven."""
    crop_grid = Grid((3, 3, 3), np.diag([-1.0, -1.0, 1.0, 1.0]))
    hu = np.zeros(crop_grid.shape, np.int16) + np.array([0, 100, 200], np.int16)
    values = volume(NoduleView((7, 7, 7), 1.0)(subject_of(hu, crop_grid)), "input")
    shown = np.rint((values + 1) * 700 - 1000)
    assert (shown == np.array([0, 0, 0, 100, 200, 200, 200])).all()
    # off the middle by one slice towards the head
    values = volume(NoduleView((1, 1, 5), 1.0)(subject_of(hu, crop_grid, (-1, -1, 2))), "input")
    assert np.rint((values + 1) * 700 - 1000).ravel().tolist() == [0, 100, 200, 200, 200]


def test_values_are_whole_hu():
    crop_grid = Grid((2, 1, 1), np.eye(4))
    hu = np.array([0, 1], np.int16).reshape(crop_grid.shape)
    values = volume(NoduleView((11, 1, 1), 0.1)(subject_of(hu, crop_grid)), "input").ravel()
    assert len(np.unique(values)) == 2
    assert np.allclose((values[[0, -1]] + 1) * 700 - 1000, [0, 1], atol=1e-3)


def scores(values: np.ndarray) -> list[float]:
    """Return scores of untrained nets: a mean, a standard deviation and random weights."""
    weights = np.random.default_rng(0).normal(size=values.size)
    return [float(values.mean()), float(values.std()), float(values.ravel() @ weights)]


@pytest.mark.slow
def test_the_size_of_the_public_crops_is_not_visible(sample_data):
    """Their depth alone has an AUC of .884: with the same HU in all, no score may separate them."""
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    transforms = pipeline({"view": NoduleView()})
    inputs, affines, nodule_scores, depths = set(), [], [], []
    for sample in cohort.samples:
        header = nib.load(sample.image)
        crop_grid = Grid(header.shape, header.affine)
        center, _ = place_center(crop_grid, sample.center_mm)
        scan = Scan(
            name=sample.sample_id,
            source=sample.image,
            hu=np.full(crop_grid.shape, -437, np.int16),
            grid=crop_grid,
        )
        subject = prepare(scan, transforms, center_mm=center)
        values = volume(subject, "input")
        inputs.add((values.shape, values.tobytes(), volume(subject, "input_lungs").tobytes()))
        affines.append(grid(subject, "input").affine[:3, :3])
        nodule_scores.append(scores(values))
        depths.append(crop_grid.shape[2] * crop_grid.spacing_mm[2])
    assert len(nodule_scores) == 665
    assert len(inputs) == 1
    assert np.allclose(affines, np.eye(3))
    known = [i for i, sample in enumerate(cohort.samples) if sample.label is not None]
    labels = torch.tensor([cohort.samples[i].label for i in known])
    for score in torch.tensor(nodule_scores, dtype=torch.float64)[known].T:
        assert binary_auroc(torch.sigmoid(score), labels) == 0.5
    # the same measure does separate the crops by their depth
    assert binary_auroc(torch.sigmoid(torch.tensor(depths)[known] / 100), labels) > 0.85


def test_the_cube_is_centred_on_the_centre_or_else_on_the_middle():
    crop_grid = Grid((20, 30, 10), np.diag([-1.0, -2.0, 3.0, 1.0]))
    hu = np.full(crop_grid.shape, -900, np.int16)
    hu[5, 7, 3] = 400
    view = NoduleView((5, 5, 5), 1.0)
    out = view(subject_of(hu, crop_grid, crop_grid.to_world([5, 7, 3])))
    assert volume(out, "input").argmax() == np.ravel_multi_index((2, 2, 2), (5, 5, 5))
    assert volume(out, "input").max() == pytest.approx(1, abs=1e-6)
    assert grid(out, "input").to_world([2, 2, 2]) == pytest.approx([-5, -14, 9])
    middle = grid(view(subject_of(hu, crop_grid)), "input").to_world([2, 2, 2])
    assert middle == pytest.approx([-9.5, -29, 13.5])
    assert volume(view(subject_of(hu, crop_grid)), "input").max() < 0


def test_axes_point_to_the_right_the_front_and_the_head():
    crop_grid = Grid((30, 30, 30), np.diag([-1.0, -1.0, 1.0, 1.0]))
    hu = np.zeros(crop_grid.shape, np.int16)
    hu += np.arange(30, dtype=np.int16)[:, None, None] * -7  # darker to the person's left
    # an even number of voxels in both: each lies on a voxel of the image
    out = NoduleView((8, 8, 8), 1.0)(subject_of(hu, crop_grid))
    assert grid(out, "input").affine[:3, :3] == pytest.approx(np.eye(3))
    assert np.allclose(np.diff(volume(out, "input"), axis=0), 0.01, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": (32, 32)}, "shape=(32, 32): give three whole numbers, 1 or more each."),
        ({"shape": (0, 32, 32)}, "shape=(0, 32, 32): give three whole numbers, 1 or more each."),
        ({"shape": (8, 8, 8.5)}, "shape=(8, 8, 8.5): give three whole numbers, 1 or more each."),
        ({"shape": (8, 8, True)}, "shape=(8, 8, True): give three whole numbers, 1 or more each."),
        ({"shape": 32}, "shape=32: give three whole numbers, 1 or more each."),
        ({"shape": "888"}, "shape=888: give three whole numbers, 1 or more each."),
        ({"spacing_mm": 0}, "spacing_mm=0: give a number of mm above 0."),
        ({"spacing_mm": -1.5}, "spacing_mm=-1.5: give a number of mm above 0."),
        ({"spacing_mm": math.nan}, "spacing_mm=nan: give a number of mm above 0."),
        ({"spacing_mm": math.inf}, "spacing_mm=inf: give a number of mm above 0."),
        ({"spacing_mm": "1"}, "spacing_mm=1: give a number of mm above 0."),
    ],
)
@pytest.mark.parametrize("view", [NoduleView, LungView])
def test_an_impossible_grid_is_refused(view, settings, message):
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        view(**settings)


@pytest.mark.parametrize(
    "window", [(400, -1000), (0, 0), (-1000,), (-1000, 0, 400), (math.nan, 400), ("a", "b"), 400]
)
def test_an_impossible_window_is_refused(window):
    with pytest.raises(ValueError, match=r"^window_hu=.*: give two HU, the lower one first\.$"):
        NoduleView(window_hu=window)


def test_the_smallest_views_are_accepted():
    assert NoduleView([1, 1, 1], 0.1, [0, 0.5]).window_hu == (0, 0.5)
    assert LungView(np.array([1, 2, 3]).tolist(), np.float32(0.5)).shape == (1, 2, 3)


def test_hu_beyond_the_window_are_clipped():
    crop_grid = Grid((4, 1, 1), np.eye(4))
    hu = np.array([-2000, -900, 300, 3000], np.int16).reshape(crop_grid.shape)
    out = NoduleView((4, 1, 1), 1.0, (-900, 300))(subject_of(hu, crop_grid))
    assert volume(out, "input").ravel().tolist() == [-1, -1, 1, 1]


def test_the_lungs_are_the_whole_cube_and_the_image_is_unchanged():
    crop_grid = Grid((6, 7, 8), np.diag([-1.0, 1.0, 2.0, 1.0]))
    hu = np.random.default_rng(0).integers(-900, 300, crop_grid.shape).astype(np.int16)
    out = NoduleView((4, 5, 6), 2.0)(subject_of(hu.copy(), crop_grid))
    assert set(out) == {"image", "input", "input_lungs"}
    assert isinstance(out["input_lungs"], tio.LabelMap)
    assert volume(out, "input_lungs").all()
    assert np.allclose(out["input_lungs"].affine, out["input"].affine)
    assert np.array_equal(out["image"].numpy()[0], hu)
