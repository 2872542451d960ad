"""Verdict on heat-maps, rule by rule."""

import math

import pytest

from lungcam.explain.reliability import RULES, assess_reliability

GOOD = {
    "n": 24,
    "auc": (0.95, 0.9, 0.99),
    "deletion": (5.0, 4.0, 6.0),
    "randomised": (0.1, 0.05, 0.15),
    "shift": (0.75, 0.7, 0.8),
    "steady": (0.95, 0.9, 0.99),
    "hits": 0.9,
    "hits_random": 0.005,
    "hits_untrained": 0.01,
    "over_random": (0.89, 0.7, 0.95),
    "over_untrained": (0.89, 0.6, 0.95),
}


def test_a_net_that_meets_every_rule_passes():
    result = assess_reliability(GOOD)
    assert result["verdict"] == "passed"
    assert result["criteria"] == dict.fromkeys(RULES, True)
    # repeatability and lesions have two figures each
    assert len(result["reasons"]) == 7
    assert result["figures"] == GOOD


@pytest.mark.parametrize(
    ("name", "figure", "rule", "words"),
    [
        ("auc", (0.6, 0.48, 0.7), "discriminates", "AUC 0.60 (95 % interval 0.48 to 0.70)"),
        ("auc", (0.6, 0.5, 0.7), "discriminates", "above 0.5"),
        ("deletion", (0.1, -0.1, 0.3), "deletion", "by 0.10 (95 % interval -0.10 to 0.30) more"),
        ("randomised", (0.45, 0.3, 0.6), "randomisation", "below 0.5"),
        ("shift", (0.5, 0.4, 0.6), "repeatability", "rank correlation 0.50"),
        ("steady", (0.5, 0.4, 0.6), "repeatability", "share 0.50"),
        ("over_random", (0.1, -0.1, 0.3), "finds_lesions", "90% of peaks hit"),
        ("over_untrained", (0.1, -0.1, 0.3), "finds_lesions", "untrained net's peaks"),
    ],
)
def test_a_failed_rule_is_the_only_reason(name, figure, rule, words):
    result = assess_reliability({**GOOD, name: figure})
    assert result["verdict"] == "failed"
    assert [name for name, met in result["criteria"].items() if not met] == [rule]
    (sentence,) = result["reasons"]
    assert words in sentence
    assert sentence.startswith("Not shown: ")
    assert sentence.endswith(".")


@pytest.mark.parametrize("unknown", [None, math.nan])
@pytest.mark.parametrize("name", ["auc", "deletion", "randomised", "shift", "over_untrained"])
def test_an_unknown_interval_meets_no_rule(name, unknown):
    result = assess_reliability({**GOOD, name: (GOOD[name][0], unknown, unknown)})
    assert result["verdict"] == "failed"
    assert "interval not known" in result["reasons"][0]


def test_where_no_lesion_is_known_the_other_rules_decide():
    unknown = {**GOOD, "over_random": None, "over_untrained": None}
    result = assess_reliability(unknown)
    assert result["verdict"] == "passed"
    assert "finds_lesions" not in result["criteria"]
    assert assess_reliability({**unknown, "auc": (0.5, 0.4, 0.6)})["verdict"] == "failed"
