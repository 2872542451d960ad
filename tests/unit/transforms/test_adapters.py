"""TorchIO adapters give the plain functions' values, name their arguments and can be replayed."""

import numpy as np
import pytest
import torch
import torchio as tio

from lungcam.grid import Grid, resample
from lungcam.lungs import (
    air,
    fade_walls,
    lung_grid,
    lung_pockets,
    mask_around,
    show_masked,
    trachea,
    zero_centre,
)
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    WallContrast,
    ZeroCentre,
    pipeline,
)
from lungcam.transforms.subject import volume

SHAPE = (24, 20, 24)


@pytest.fixture
def chest():
    """Make HU and their grid: two box-shaped lungs with an airway in a body, in RAS+ order."""
    grid = Grid((60, 40, 30), np.array([[5, 0, 0, -150.0], [0, 5, 0, -100], [0, 0, 8, -300]]))
    grid = Grid(grid.shape, np.vstack([grid.affine, [0, 0, 0, 1]]))
    hu = np.full(grid.shape, -1000, np.int16)
    hu[4:56, 4:36] = 40
    noise = np.random.default_rng(0).integers(-50, 50, grid.shape)
    for side in (np.s_[9:25], np.s_[32:50]):
        hu[side, 9:30, 5:25] = -850
        hu[side, 9:30, 5:25] += noise[side, 9:30, 5:25].astype(np.int16)
    hu[40:43, 15:18, 10:13] = 60
    hu[28:31, 18:21, 20:30] = hu[25:32, 18:21, 18:20] = -1000
    return hu, grid


@pytest.fixture
def subject(chest):
    hu, grid = chest
    image = tio.ScalarImage(tensor=torch.from_numpy(hu.copy())[None], affine=grid.affine)
    return tio.Subject(image=image)


STEPS = {
    "threshold": lambda: HUThreshold(-400),
    "components": LungComponents,
    "mask": lambda: LungMask(kind="closed", margin_mm=7.5),
    "view": lambda: LungView(shape=SHAPE, spacing_mm=9.0),
    "normalise": ZeroCentre,
    "walls": lambda: WallContrast(0.3),
}


def steps():
    return {name: make() for name, make in STEPS.items()}


def array(subject, name):
    return subject[name].numpy()[0]


def test_each_adapter_equals_its_function(chest, subject):
    hu, grid = chest
    step = steps()

    subject = step["threshold"](subject)
    assert isinstance(subject["air"], tio.LabelMap)
    assert np.array_equal(array(subject, "air"), air(hu, -400))

    subject = step["components"](subject)
    pockets = lung_pockets(air(hu, -400), hu, spacing_mm=grid.spacing_mm)
    airway = trachea(pockets, hu, spacing_mm=grid.spacing_mm)
    lungs = pockets & ~airway
    assert airway.any()
    assert "air" not in subject
    assert isinstance(subject["lungs"], tio.LabelMap)
    assert isinstance(subject["airway"], tio.LabelMap)
    assert np.array_equal(array(subject, "lungs"), lungs)
    assert np.array_equal(array(subject, "airway"), airway)

    subject = step["mask"](subject)
    mask = mask_around(lungs, airway, spacing_mm=grid.spacing_mm, kind="closed", margin_mm=7.5)
    assert isinstance(subject["mask"], tio.LabelMap)
    assert np.array_equal(array(subject, "mask"), mask)

    subject = step["view"](subject)
    target = lung_grid(lungs, grid, shape=SHAPE, spacing_mm=9.0)
    seen = show_masked(hu, lungs, mask=mask, source=grid, target=target)
    seen_lungs = resample(lungs, grid, target=target) >= 0.5
    assert subject["input"].spatial_shape == SHAPE
    assert np.allclose(subject["input"].affine, target.affine)
    assert np.allclose(subject["input_lungs"].affine, target.affine)
    assert np.array_equal(array(subject, "input"), seen)
    assert np.array_equal(array(subject, "input_lungs"), seen_lungs)

    subject = step["normalise"](subject)
    assert np.array_equal(array(subject, "input"), zero_centre(seen, seen_lungs))
    assert np.allclose(subject["input"].affine, target.affine)

    subject = step["walls"](subject)
    faded = fade_walls(
        zero_centre(seen, seen_lungs), seen_lungs, spacing_mm=target.spacing_mm, contrast=0.3
    )
    assert np.array_equal(array(subject, "input"), faded)
    assert not np.array_equal(faded, zero_centre(seen, seen_lungs))
    for name in ("image", "lungs", "airway", "mask"):
        assert subject[name].spatial_shape == grid.shape
        assert np.array_equal(subject[name].affine, grid.affine)


def test_masks_lie_as_the_image_does(chest):
    """Masks of a DICOM series, its axes to left and posterior, are neither turned nor copied."""
    hu, grid = chest
    stored = hu[::-1, ::-1].transpose(2, 1, 0).copy().transpose(2, 1, 0)
    turned = grid.affine @ np.diag([-1.0, -1.0, 1.0, 1.0])
    turned[:2, 3] = grid.to_world(np.array(grid.shape) - 1)[:2]
    image = tio.ScalarImage(tensor=torch.from_numpy(stored)[None], affine=turned)
    done = tio.Compose(list(steps().values()))(tio.Subject(image=image))
    assert volume(done, "image").strides[0] < 0
    for name in ("lungs", "airway", "mask"):
        assert np.array_equal(done[name].affine, turned)
        assert np.sign(volume(done, name).strides).tolist() == [-1, -1, 1]
    same = tio.ScalarImage(tensor=torch.from_numpy(hu.copy())[None], affine=grid.affine)
    expected = tio.Compose(list(steps().values()))(tio.Subject(image=same))
    for name in ("lungs", "airway", "mask", "input_lungs"):
        assert np.array_equal(volume(done, name), volume(expected, name))


@pytest.mark.parametrize(
    ("transform", "arguments"),
    [
        (HUThreshold(-400), ["-400"]),
        (LungMask("recipe", 7.5), ["recipe", "7.5"]),
        (NoduleView((20, 21, 22), 0.75, (-900, 300)), ["20, 21, 22", "0.75", "-900, 300"]),
        (LungView((24, 20, 16), 9.25), ["24, 20, 16", "9.25"]),
        (WallContrast(0.35), ["0.35"]),
    ],
)
def test_repr_names_the_arguments(transform, arguments):
    assert type(transform).__name__ in repr(transform)
    for argument in arguments:
        assert argument in repr(transform)


def test_repr_of_a_pipeline_names_every_argument():
    """Another argument must give another repr."""
    first = repr(pipeline(steps()))
    for name, change in {
        "threshold": HUThreshold(-401),
        "mask": LungMask("closed", 7.6),
        "view": LungView(SHAPE, 9.1),
    }.items():
        assert repr(pipeline(steps() | {name: change})) != first
    assert repr(pipeline(steps() | {"mask": LungMask("recipe", 7.5)})) != first
    assert repr(pipeline(steps() | {"walls": WallContrast(0.4)})) != first
    assert repr(pipeline(steps())) == first


def test_history_replays_to_the_same_result(subject):
    again = tio.Subject(image=tio.ScalarImage(tensor=subject["image"].data.clone()))
    again["image"].affine = subject["image"].affine
    done = tio.Compose(list(steps().values()))(subject)
    kinds = [type(transform).__name__ for transform in done.history]
    assert kinds == [type(step).__name__ for step in steps().values()]
    replayed = done.get_composed_history()(again)
    assert set(replayed) == set(done)
    for name in ("image", "lungs", "airway", "mask", "input", "input_lungs"):
        assert torch.equal(replayed[name].data, done[name].data)
        assert np.array_equal(replayed[name].affine, done[name].affine)


def test_an_adapter_outside_a_pipeline_does_not_change_the_subject(subject):
    before = subject["image"].data.clone()
    HUThreshold()(subject)
    assert list(subject) == ["image"]
    assert torch.equal(subject["image"].data, before)


def test_adapters_accept_torchios_own_arguments(subject):
    assert "air" not in HUThreshold(p=0)(subject)


def test_unknown_mask_is_refused_before_any_scan_is_read():
    with pytest.raises(ValueError, match="choose recipe, closed, cavity"):
        LungMask("hull")
