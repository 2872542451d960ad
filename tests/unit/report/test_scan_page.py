"""What a report says of an answer is what the figures say."""

import pytest

from lungcam.report.scan_page import (
    calibration_in_words,
    call_in_words,
    probability_in_words,
    quality_in_words,
)


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, "fewer than 1"), (0.0049, "fewer than 1"), (0.734, "about 73"), (1.0, "more than 99")],
)
def test_a_share_of_a_hundred_is_never_none_and_never_all(probability, words):
    assert probability_in_words(probability) == words


def test_a_calibration_says_on_what_it_was_fitted():
    told = calibration_in_words(0.73, True, fitted_on=(420, 200), noun="scans")
    assert "on 420 scans of the run's validation split, 200 of them positive" in told
    assert "of 100 scans" in told
    assert "about 73 would be positive" in told
    assert "few" not in told.replace("fewer", "")
    assert "42 are few" in calibration_in_words(0.73, True, fitted_on=(42, 20), noun="scans")
    assert "the nodules of the run's validation split" in (
        calibration_in_words(0.73, True, fitted_on=None, noun="nodules")
    )


@pytest.mark.parametrize(("calibrated", "fitted"), [(False, None), (True, (9, 0)), (True, (9, 9))])
def test_what_is_not_calibrated_is_no_share(calibrated, fitted):
    told = calibration_in_words(0.73, calibrated, fitted_on=fitted, noun="scans")
    assert told.startswith("Not calibrated")
    assert "of 100" not in told


def test_the_call_gives_its_reason():
    assert (
        call_in_words(0.5, 0.5, label=1)
        == "Called positive: 0.500 is not below the threshold 0.500."
    )
    assert (
        call_in_words(0.4, 0.5, label=0) == "Called negative: 0.400 is below the threshold 0.500."
    )


def test_a_mask_in_words():
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
    assert quality_in_words(quality) == (
        "Lungs 3.8 L, 47% of it on the left; mask 7.2 L; the field of view cuts them at the top "
        "(12 cm²). Flagged: cut top."
    )
    assert quality_in_words(None) == ""
