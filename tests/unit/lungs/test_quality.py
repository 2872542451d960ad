"""Tests of the figures and findings of a lung mask."""

import numpy as np
import pytest

from lungcam.lungs import air, lung_pockets, mask_around, mask_findings, mask_quality, trachea

TISSUE = 40


@pytest.fixture
def measured():
    """Return HU, lungs and mask of boxes: (12, 10, 10) voxels of 2 x 2.5 x 4 mm, 0.02 mL each."""
    hu = np.full((12, 10, 10), TISSUE, np.int16)
    lungs, mask = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    lungs[1:4, 2:6, 3:8] = True  # 60 voxels at low x: the patient's left
    lungs[7:11, 2:7, 3:8] = True  # 100
    mask[1:11, 1:9, 2:9] = True  # 560
    hu[lungs] = -850
    return hu, lungs, mask, (2.0, 2.5, 4.0)


def test_figures_are_those_computed_by_hand(measured):
    hu, lungs, mask, spacing = measured
    assert mask_quality(hu, lungs, mask=mask, spacing_mm=spacing) == {
        "lungs_ml": 3.2,
        "mask_ml": 11.2,
        "left_share": 0.375,
        "pieces": 2,
        "cut_sides_cm2": 0.0,
        "cut_top_cm2": 0.0,
        "cut_bottom_cm2": 0.0,
        "touches_border": False,
    }


def test_cut_areas_are_those_computed_by_hand(measured):
    hu, lungs, mask, spacing = measured
    lungs[2:4, 2:6, 8:] = True  # 8 voxels of 2 x 2.5 mm in the last slice
    lungs[2:4, 2:5, :3] = True  # 6 in the first
    lungs[11, 2:7, 3:8] = True  # 25 of 2.25 x 4 mm at the side
    quality = mask_quality(hu, lungs, mask=mask, spacing_mm=spacing)
    assert quality["cut_top_cm2"] == 0.4
    assert quality["cut_bottom_cm2"] == 0.3
    assert quality["cut_sides_cm2"] == pytest.approx(2.25, abs=0.06)
    assert quality["touches_border"]


def test_lungs_next_to_padding_are_cut_at_the_sides(measured):
    hu, lungs, mask, spacing = measured
    hu[:1] = -1024
    assert (
        mask_quality(hu, lungs, mask=mask, spacing_mm=spacing)["cut_sides_cm2"] == 1.8
    )  # 20 voxels
    # brighter in a single slice, it is air, not padding
    hu[:1, :, 5] = -1000
    assert mask_quality(hu, lungs, mask=mask, spacing_mm=spacing)["cut_sides_cm2"] == 0


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [0, -1])
def test_lungs_at_a_face_of_the_volume_are_cut_there(axis, end):
    hu, lungs = np.full((8, 8, 8), TISSUE, np.int16), np.zeros((8, 8, 8), bool)
    lungs[2:6, 2:6, 2:6] = True
    whole = np.ones_like(lungs)
    # a mask at a face does not count
    assert not mask_quality(hu, lungs, mask=whole, spacing_mm=(9, 9, 9))["touches_border"]
    np.moveaxis(lungs, axis, 0)[end, 3, 3] = True
    quality = mask_quality(hu, lungs, mask=whole, spacing_mm=(9, 9, 9))
    assert quality["touches_border"]
    expected = ("cut_sides_cm2", "cut_bottom_cm2" if end == 0 else "cut_top_cm2")[axis == 2]
    cut = {name for name, value in quality.items() if name.startswith("cut") and value}
    assert cut == {expected}


def test_pieces_below_a_millilitre_are_not_counted():
    hu, lungs = np.full((40, 40, 40), TISSUE, np.int16), np.zeros((40, 40, 40), bool)
    lungs[2:20, 2:20, 2:20] = True
    lungs[30:33, 30:33, 2:39] = True  # 1.2 mL, rounded to what lies on the coarse grid
    lungs[30:33, 2:5, 2:20] = True  # 0.5 mL
    assert mask_quality(hu, lungs, mask=lungs, spacing_mm=(1.5, 1.5, 1.5))["pieces"] == 2


def test_left_share_is_measured_on_the_patients_left(phantom):
    case = phantom(1)
    world = case.grid.to_world(np.argwhere(case.lungs))
    middle = (world[:, 0].min() + world[:, 0].max()) / 2
    # in RAS mm the patient's left is where x is small
    share = float((world[:, 0] < middle).mean())
    quality = mask_quality(case.hu, case.lungs, mask=case.lungs, spacing_mm=case.grid.spacing_mm)
    assert quality["left_share"] == pytest.approx(share, abs=0.03)
    ml = case.lungs.sum() * np.prod(case.grid.spacing_mm) / 1e3
    assert quality["lungs_ml"] == pytest.approx(ml, 1e-4)


def codes(hu: np.ndarray, spacing_mm, kind: str = "cavity") -> list[str]:
    pockets = lung_pockets(air(hu), hu, spacing_mm=spacing_mm)
    airway = trachea(pockets, hu, spacing_mm=spacing_mm)
    lungs = pockets & ~airway
    mask = mask_around(lungs, airway, spacing_mm=spacing_mm, kind=kind)
    return [
        finding.code
        for finding in mask_findings(mask_quality(hu, lungs, mask=mask, spacing_mm=spacing_mm))
    ]


@pytest.mark.parametrize("kind", ["malignant", "benign", "healthy"])
@pytest.mark.parametrize("seed", range(8))
def test_phantoms_raise_no_flag(phantom, seed, kind):
    case = phantom(seed, kind)
    for mask in ("recipe", "cavity"):
        assert codes(case.hu, case.grid.spacing_mm, mask) == []


@pytest.fixture(params=[0, 1, 4])
def painted(request, phantom):
    """Return HU to modify, true lungs and spacing of a phantom."""
    case = phantom(request.param, "healthy")
    return case.hu.copy(), case.lungs, case.grid.spacing_mm


def sides(lungs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the lungs on the left and on the right of their middle."""
    left = lungs.copy()
    columns = np.flatnonzero(lungs.any(axis=(1, 2)))
    left[(columns[0] + columns[-1]) // 2 :] = False
    return {"left": left, "right": lungs & ~left}


@pytest.mark.parametrize("side", ["left", "right"])
def test_opaque_lung_is_flagged(painted, side):
    hu, lungs, spacing = painted
    hu[sides(lungs)[side]] = 30
    assert "one_sided" in codes(hu, spacing)


def test_finding_names_the_side_of_an_opaque_lung():
    usual = {"lungs_ml": 4000, "mask_ml": 5000, "left_share": 0.5, "pieces": 1}
    usual |= {f"cut_{side}_cm2": 0.0 for side in ("sides", "top", "bottom")}
    assert mask_findings(usual) == []
    for share, side in ((0.02, "left"), (0.98, "right")):
        (finding,) = mask_findings(usual | {"left_share": share})
        assert finding.code == "one_sided"
        assert finding.outcome == "flagged"
        assert f"little air on the {side}" in finding.sentence


def test_field_of_view_cutting_the_sides_is_flagged(painted):
    hu, lungs, spacing = painted
    box = np.argwhere(lungs)
    low, high = box.min(axis=0)[0] + 5, box.max(axis=0)[0] - 5
    assert "cut_sides" in codes(hu[low:high], spacing)


def test_circular_field_of_view_cutting_the_lungs_is_flagged(painted):
    hu, _, spacing = painted
    x, y = (np.arange(n) - (n - 1) / 2 for n in hu.shape[:2])
    hu[np.hypot(x[:, None], y) > 28] = -1024
    assert "cut_sides" in codes(hu, spacing)


def test_scan_ending_within_the_lungs_is_flagged(painted):
    hu, lungs, spacing = painted
    levels = np.flatnonzero(lungs.any(axis=(0, 1)))
    third = levels.size // 3
    assert codes(hu[:, :, levels[0] + third :], spacing) == ["cut_bottom"]
    assert codes(hu[:, :, : levels[-1] - third], spacing) == ["cut_top"]


def test_small_lungs_are_flagged(painted):
    """Such as those of a child, or of an adult with a wrong spacing."""
    hu, _, spacing = painted
    assert "small_lungs" in codes(hu, tuple(0.55 * mm for mm in spacing))


def test_large_lungs_are_flagged(phantom, segmented):
    case = phantom(1)
    lungs, _ = segmented(1)
    spacing = tuple(1.5 * mm for mm in case.grid.spacing_mm)
    quality = mask_quality(case.hu, lungs, mask=lungs, spacing_mm=spacing)
    assert [finding.code for finding in mask_findings(quality)] == ["large_lungs"]


def test_many_pieces_are_flagged(painted):
    hu, lungs, spacing = painted
    levels = np.flatnonzero(lungs.any(axis=(0, 1)))
    pieces = lungs.copy()
    pieces[:, :, levels[:: levels.size // 5]] = False
    quality = mask_quality(hu, pieces, mask=pieces, spacing_mm=spacing)
    assert quality["pieces"] > 6
    assert "many_pieces" in [finding.code for finding in mask_findings(quality)]


def test_mask_much_larger_than_the_lungs_is_flagged(painted):
    """Small remains of both lungs, far apart, give such a mask."""
    hu, lungs, spacing = painted
    quality = mask_quality(hu, lungs, mask=np.ones_like(lungs), spacing_mm=spacing)
    assert [finding.code for finding in mask_findings(quality)] == ["large_mask"]


def test_finding_describes_the_fault_and_asks_to_look(painted):
    hu, lungs, spacing = painted
    levels = np.flatnonzero(lungs.any(axis=(0, 1)))
    cut = np.s_[:, :, levels[0] + levels.size // 3 :]
    lungs = lungs[cut]
    findings = mask_findings(mask_quality(hu[cut], lungs, mask=lungs, spacing_mm=spacing))
    assert [finding.outcome for finding in findings] == ["flagged"]
    assert findings[0].sentence.startswith("the field of view cuts the lungs below (")
    assert findings[0].remedy == "look at the lung mask"
