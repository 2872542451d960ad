"""Labels from ratings, against cases worked out by hand."""

import pytest

from lungcam.cohorts.lidc import Annotation, LabelRule, Nodule
from lungcam.errors import InputError


def rated(*malignancy: int) -> Nodule:
    return Nodule(
        tuple(
            Annotation(reader=r, nodule_id="", ratings={"malignancy": m}, contours=())
            for r, m in enumerate(malignancy, 1)
        )
    )


@pytest.mark.parametrize(
    ("ratings", "settings", "label"),
    [
        ((5, 5, 5, 4), {}, 1),
        ((3, 3, 3, 4), {}, 1),
        ((2, 4), {}, None),
        ((3,), {}, None),
        ((1, 5, 2), {}, 0),
        ((1, 2, 5, 5), {"statistic": "mean"}, 1),
        ((3, 3, 5), {"statistic": "median"}, None),
        ((1, 3, 3, 5), {"statistic": "median"}, None),
        ((1, 3, 4, 5), {"statistic": "median"}, 1),
        ((4, 4), {"malignant_above": 4}, None),
        ((5, 4), {"malignant_above": 4}, 1),
        ((2, 3), {"benign_below": 2.5}, None),
        ((5, 5), {"least_readers": 3}, None),
        ((5, 5, 5), {"least_readers": 3}, 1),
    ],
)
def test_the_label_follows_from_the_ratings(ratings, settings, label):
    assert LabelRule(**settings).label(rated(*ratings)) == label


def test_a_rating_is_the_mean_or_the_median():
    nodule = rated(1, 2, 5, 5)
    assert nodule.rating("malignancy") == 3.25
    assert nodule.rating("malignancy", "median") == 3.5
    with pytest.raises(InputError, match="No reader gave texture"):
        nodule.rating("texture")


def test_the_sentence_states_the_settings():
    sentence = LabelRule(
        statistic="median", benign_below=2.5, malignant_above=3.5, least_readers=3
    ).sentence
    for words in ("median", "above 3.5", "below 2.5", "fewer than 3 readers", "not pathology"):
        assert words in sentence
    assert "fewer" not in LabelRule().sentence


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statistic": "mode"}, "statistic is 'mode'; set it to mean or median"),
        ({"benign_below": 4}, "data.benign_below is 4 and data.malignant_above 3"),
        ({"malignant_above": float("nan")}, "data.malignant_above is nan; set it to a number"),
        ({"least_readers": 0}, "least_readers is 0; set it to a whole number, 1 to 4"),
        ({"least_readers": 5}, "least_readers is 5"),
    ],
)
def test_an_impossible_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        LabelRule(**settings)
