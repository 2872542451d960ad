"""The three named masks."""

import numpy as np
import pytest
from scipy import ndimage

from lungcam.lungs import (
    MASKS,
    air,
    cavity,
    close,
    dilate,
    lung_mask,
    lung_pockets,
    mask_around,
    trachea,
)

# (seed, kind) of difficult phantoms: nodules at every place, large and small, in thin and thick
# slices, with and without an airway that joins the lungs
AT_THE_PLEURA = {
    "wall": [(11, "malignant"), (12, "malignant"), (17, "malignant"), (22, "malignant")],
    "mediastinum": [(15, "malignant"), (16, "malignant"), (11, "benign"), (18, "benign")],
    "apex": [(13, "benign")],
}
CASES = [
    *[(place, *case) for place, cases in AT_THE_PLEURA.items() for case in cases],
    ("wall", 22, "benign"),
    ("none", 8, "malignant"),
    ("none", 9, "benign"),
]


def shares_kept(phantom, found, seed: int, kind: str) -> dict[str, float]:
    case = phantom(seed, kind, 1.0)
    masks = {
        name: mask_around(*found(seed, kind, 1.0), case.grid.spacing_mm, name) for name in MASKS
    }
    return {name: float(mask[case.nodule].mean()) for name, mask in masks.items()}


@pytest.mark.parametrize(("place", "seed", "kind"), CASES)
def test_cavity_keeps_the_nodule_wherever_it_lies(phantom, found, place, seed, kind):
    case = phantom(seed, kind, 1.0)
    assert case.drawn.attachment == place
    assert case.nodule.any()
    kept = shares_kept(phantom, found, seed, kind)
    assert kept["cavity"] >= 0.99
    assert kept["recipe"] <= kept["closed"] <= kept["cavity"]


def test_recipe_loses_what_is_attached_and_closing_brings_most_of_it_back(phantom, found):
    """Else the cases above would not tell the masks apart."""
    kept = [shares_kept(phantom, found, seed, kind) for _, seed, kind in CASES]
    lost = {name: sum(one[name] < 0.99 for one in kept) for name in MASKS}
    assert lost["recipe"] >= 5
    assert lost["closed"] <= 1
    assert lost["cavity"] == 0


@pytest.mark.parametrize("seed", range(6))
def test_every_mask_holds_the_lungs_and_the_margin_around_them(phantom, found, seed):
    spacing = phantom(seed).grid.spacing_mm
    lungs, airway = found(seed)
    near = ndimage.distance_transform_edt(~lungs, sampling=spacing) <= 4
    for kind in MASKS:
        mask = mask_around(lungs, airway, spacing, kind, 4)
        assert mask.dtype == bool
        assert mask[near].all()
        wider = mask_around(lungs, airway, spacing, kind, 9)
        assert wider[mask].all()
        assert wider.sum() > 1.05 * mask.sum()


def test_masks_are_what_they_are_said_to_be(phantom, found):
    spacing = phantom(4).grid.spacing_mm
    lungs, airway = found(4)
    assert airway.any()
    both = lungs | airway
    both = np.stack([ndimage.binary_fill_holes(one) for one in both.transpose(2, 0, 1)], axis=2)
    made = {kind: mask_around(lungs, airway, spacing, kind, 5) for kind in MASKS}
    assert np.array_equal(made["recipe"], dilate(both, spacing, 5))
    assert np.array_equal(made["closed"], dilate(close(both, spacing, 20), spacing, 5))
    assert np.array_equal(made["cavity"], cavity(lungs, spacing, 5, 10))


def test_cavity_leaves_out_the_trachea_above_the_lungs(phantom, found):
    case = phantom(4)
    lungs, airway = found(4)
    top = np.flatnonzero(lungs.any(axis=(0, 1)))[-1]
    above = top + int(10 / case.grid.spacing_mm[2]) + 1
    assert airway[:, :, above:].any()
    masks = [mask_around(lungs, airway, case.grid.spacing_mm, kind) for kind in MASKS]
    assert [bool(mask[:, :, above:].any()) for mask in masks] == [True, True, False]


@pytest.mark.parametrize(
    ("kind", "threshold", "margin_mm"), [(MASKS[0], -500, 0), (MASKS[2], -400, 9.5)]
)
def test_mask_of_a_scan_is_its_parts(phantom, kind, threshold, margin_mm):
    case = phantom(2)
    spacing = case.grid.spacing_mm
    pockets = lung_pockets(air(case.hu, threshold), case.hu, spacing)
    airway = trachea(pockets, case.hu, spacing)
    expected = mask_around(pockets & ~airway, airway, spacing, kind, margin_mm)
    assert np.array_equal(lung_mask(case.hu, spacing, kind, threshold, margin_mm), expected)


def test_default_mask_is_the_cavity_and_4_mm(phantom, found):
    case = phantom(2)
    expected = cavity(found(2)[0], case.grid.spacing_mm, 4.0, 10.0)
    assert np.array_equal(lung_mask(case.hu, case.grid.spacing_mm), expected)


@pytest.mark.parametrize("kind", MASKS)
def test_volume_without_lungs_is_refused(kind):
    with pytest.raises(ValueError, match="No lungs"):
        lung_mask(np.full((20, 20, 20), 40, np.int16), (1, 1, 1), kind)


def test_unknown_mask_is_refused_with_the_choices(found):
    with pytest.raises(ValueError, match=r"lungs\.mask=hull: choose recipe, closed, cavity"):
        mask_around(*found(2), (1, 1, 1), "hull")
