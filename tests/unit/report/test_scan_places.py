"""Places of a scan's page: each with its button, its pictures and its facts."""

from lungcam.report.scan_places import (
    candidates_section,
    hot_places_section,
    place_text,
    prior_section,
)

PLACE = {"side": "left", "third": "upper", "pleura_mm": 12.3, "center_ras_mm": [1.0, -2.0, 3.0]}
CANDIDATE = PLACE | {
    "probability": 0.62,
    "nodule": 0.8,
    "rating": 0.775,
    "rating_of_each_net": [0.7, 0.85],
    "diameter_mm": None,
}


def to_index(point_mm):
    return [float(x) + 10 for x in point_mm]


def test_candidates_have_four_pictures_and_a_button():
    page = candidates_section([CANDIDATE, CANDIDATE], to_index)
    assert page.count("<li ") == 2
    assert page.count("<canvas ") == 8
    assert 'data-index="[11.0, 8.0, 13.0]">Go to candidate 2</button>' in page
    assert "0.78 (0.70–0.85)" in page
    assert "left lung, upper third, 12 mm to the pleura" in page
    # every picture is described
    assert page.count('role="img" aria-label="') == 8
    assert candidates_section(None, to_index) == ""
    assert "Nothing in the lungs" in candidates_section([], to_index)


def test_hot_places_are_given_in_percent_with_the_value():
    place = PLACE | {"share": 0.42, "value": 1.5, "mean_hu": -820, "diameter_mm": 9.6}
    page = hot_places_section([place], to_index, unit="logit")
    assert "<strong>42 % of the peak</strong>" in page
    assert "−820 HU on average within 4 mm" in page
    assert "1.5 logit" in page
    assert hot_places_section([], to_index, unit="logit") == ""


def test_an_earlier_result_has_its_answer_and_the_place_of_its_peak():
    prior = {
        "nets": "<a>, b",
        "label_rule": "label 1: x",
        "method": "gradcam",
        "probability": 0.25,
        "label": 0,
        "peak_ras_mm": [1.0, -2.0, 3.0],
        "peaks_apart_mm": 4.2,
    }
    none = prior | {"probability": None, "peak_ras_mm": None, "peaks_apart_mm": None}
    page = prior_section([prior, none], to_index)
    assert page.count("<li ") == 2
    assert page.count("<canvas ") == 4
    assert 'data-index="[11.0, 8.0, 13.0]">Go to earlier peak 1</button>' in page
    assert "0.250, called negative" in page
    assert "no probability" in page
    assert "RAS 1.0, −2.0, 3.0 mm" in page
    assert "4 mm" in page
    assert "<a>" not in page
    assert prior_section([], to_index) == ""


def test_a_place_outside_the_lungs_is_said_to_be():
    assert place_text(PLACE | {"pleura_mm": 0.0}).endswith("outside the lungs or at their wall")
    assert place_text({}) == ""
