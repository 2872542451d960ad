"""Sentences of a scan's report agree with its values."""

import pytest

from lungcam.report.scan_cards import (
    calibration_text,
    call_text,
    mask_text,
    share_text,
)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "fewer than 1"), (0.0049, "fewer than 1"), (0.734, "about 73"), (1.0, "more than 99")],
)
def test_share_of_a_hundred_is_never_none_and_never_all(probability, text):
    assert share_text(probability) == text


def test_calibration_names_the_samples_of_its_fit():
    text = calibration_text(0.73, True, fitted_on=(420, 200), noun="scans")
    assert "on 420 scans of the run's validation split, 200 of them positive" in text
    assert "of 100 scans" in text
    assert "about 73 would be positive" in text
    assert "few" not in text.replace("fewer", "")
    assert "42 are few" in calibration_text(0.73, True, fitted_on=(42, 20), noun="scans")
    assert "the nodules of the run's validation split" in (
        calibration_text(0.73, True, fitted_on=None, noun="nodules")
    )


@pytest.mark.parametrize(("calibrated", "fitted"), [(False, None), (True, (9, 0)), (True, (9, 9))])
def test_uncalibrated_probability_is_not_called_a_share(calibrated, fitted):
    text = calibration_text(0.73, calibrated, fitted_on=fitted, noun="scans")
    assert text.startswith("Not calibrated")
    assert "of 100" not in text


def test_call_gives_its_reason():
    assert (
        call_text(0.5, 0.5, label=1) == "Called positive: 0.500 is not below the threshold 0.500."
    )
    assert call_text(0.4, 0.5, label=0) == "Called negative: 0.400 is below the threshold 0.500."


def test_mask_is_described_by_its_figures():
    quality = {
        "lungs_ml": 3812.0,
        "mask_ml": 7210.0,
        "left_share": 0.471,
        "pieces": 2,
        "cut_sides_cm2": 0.0,
        "cut_top_cm2": 12.3,
        "cut_bottom_cm2": 0.0,
        "touches_border": True,
        "flags": ["cut_top"],
    }
    assert mask_text(quality) == (
        "Lungs 3.8 L (47% on the left), mask 7.2 L; cut by the field of view at the top (12 cm²). "
        "Flagged: cut top."
    )
    assert mask_text(None) == ""
