"""Traits of scans: measured on the voxels, and compared with the scans of a training."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.data.scan_traits import (
    ScanTraits,
    compared,
    deviations,
    kernel_name,
    range_texts,
    scan_traits,
    trait_ranges,
)
from lungcam.grid import Grid
from lungcam.scans import Scan

USUAL = {"pixel_mm": 0.7, "slice_mm": 1.25, "lungs_hu": -850.0, "lungs_ml": 4500.0}


def test_traits_are_those_of_the_voxels_in_any_order():
    hu = np.full((30, 24, 18), 40, np.int16)
    lungs = np.zeros(hu.shape, bool)
    lungs[6:24, 6:18, 3:15] = True
    hu[lungs] = -870
    # the third axis runs from head to foot, and the first to the left
    affine = np.diag([-0.7, 0.6, -2.5, 1.0])
    scan = Scan(name="s", source=Path("s"), hu=hu, grid=Grid(hu.shape, affine))
    traits = scan_traits(scan, lungs=lungs[::-1, :, ::-1], lungs_ml=321.0)
    assert traits == ScanTraits(pixel_mm=0.7, slice_mm=2.5, lungs_hu=-870.0, lungs_ml=321.0)
    assert traits.known().keys() == {"pixel_mm", "slice_mm", "lungs_hu", "lungs_ml"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((name, name) for name in ("STANDARD", "BONEPLUS", "B30f", "T20f", "FC07", "YA", "D", "")),
        ("I50f\\3", "I50f"),
        ("Br40d\\2", "Br40d"),
        ("Smith^John", "other"),
        ("John", "other"),
        ("19450704", "other"),
    ],
)
def test_only_what_vendors_call_a_kernel_is_its_name(text, name):
    assert kernel_name(text) == name


def test_ranges_leave_out_the_oddest_scan_and_what_few_scans_have():
    scans = [{**USUAL, "slice_mm": 1 + number % 5 / 2} for number in range(400)]
    scans[0] = {**USUAL, "slice_mm": 40.0, "age": 61.0, "kernel": "B30f"}
    ranges = trait_ranges(scans)
    assert ranges["slice_mm"] == [1.0, 3.0]
    assert ranges["pixel_mm"] == [0.7, 0.7]
    assert "age" not in ranges
    assert "kernels" not in ranges
    assert trait_ranges([]) == {}


def test_ages_are_rounded_outward_so_that_no_person_is_recognised():
    assert trait_ranges([{"age": 58.0}, {"age": 71.0}])["age"] == [55.0, 75.0]
    assert trait_ranges([{"age": 61.0}, {"age": 97.0}])["age"] == [60.0, 90.0]


def test_a_scan_like_the_others_has_no_deviation():
    ranges = trait_ranges([USUAL, {**USUAL, "slice_mm": 2.5}])
    assert deviations(USUAL, ranges) == []
    # within the margin of a tenth
    assert deviations({**USUAL, "slice_mm": 2.7}, ranges) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slice_mm": 5.0}, "slices farther apart (5.00 mm)"),
        ({"pixel_mm": 0.3}, "finer pixels (0.30 mm)"),
        ({"lungs_hu": -600.0}, "denser lungs (−600 HU)"),
        ({"lungs_ml": 900.0}, "smaller lungs (900 mL)"),
        ({"kernel": "B80f"}, "a kernel of reconstruction"),
    ],
)
def test_a_planted_deviation_is_said(change, words):
    ranges = trait_ranges([{**USUAL, "kernel": "B30f"}] * 3)
    (sentence,) = deviations({**USUAL, "kernel": "B30f", **change}, ranges)
    assert sentence.startswith(words)


def test_the_age_of_a_person_is_never_written():
    (sentence,) = deviations({"age": 17.0}, {"age": [50.0, 75.0]})
    assert sentence == "a younger person than the net has learnt from (50 to 75 years)"


def test_what_is_unknown_is_not_compared():
    ranges = {"slice_mm": [1.0, 2.5], "kernels": ["B30f"]}
    assert compared({"pixel_mm": 0.7, "slice_mm": 1.0}, ranges) == ["distance of slices"]
    assert range_texts(ranges) == [
        ("Distance of slices", "1.00 to 2.50 mm"),
        ("Kernels", "B30f"),
    ]
