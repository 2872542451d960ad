"""A split's figures together, as metrics.json holds them."""

import json

import numpy as np
import pytest

from lungcam.metrics import (
    at_threshold,
    auc,
    auc_interval,
    average_precision,
    brier,
    sensitivity_at,
    summarise,
)

PROMISED = {
    "n",
    "n_positive",
    "n_patients",
    "auc",
    "auc_ci95",
    "pr_auc",
    "pr_auc_ci95",
    "sensitivity_at_90_specificity",
    "sensitivity_at_90_specificity_ci95",
    "sensitivity_at_95_specificity",
    "sensitivity_at_95_specificity_ci95",
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "brier",
    "ece",
    "threshold",
    "baselines",
    "against_baselines",
}


def test_the_figures_are_those_of_the_functions():
    labels = np.array([0, 1, 0, 1, 1, 0])
    probabilities = np.array([0.1, 0.9, 0.6, 0.4, 0.8, 0.2])
    patients = np.arange(6)
    figures = summarise(labels, probabilities, patients, 0.5, {}, seed=3)
    assert set(figures) == PROMISED
    assert (figures["n"], figures["n_positive"]) == (6, 3)
    assert figures["auc"] == auc(labels, probabilities)
    assert figures["auc_ci95"] == list(auc_interval(labels, probabilities, patients, 3))
    assert figures["pr_auc"] == average_precision(labels, probabilities)
    assert figures["sensitivity_at_90_specificity"] == sensitivity_at(labels, probabilities, 0.9)
    assert figures["brier"] == brier(labels, probabilities)
    assert figures["threshold"] == 0.5
    assert figures["baselines"] == {}
    assert {name: figures[name] for name in ("accuracy", "precision", "recall", "specificity")} == (
        at_threshold(labels, probabilities, 0.5)
    )


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
def test_json_without_nan(labels):
    figures = summarise(
        np.array(labels),
        np.array([0.2, 0.4, 0.9]),
        np.arange(3),
        0.95,
        {"diameter": np.array([3.0, np.nan, 9.0])},
    )
    again = json.loads(json.dumps(figures, allow_nan=False))
    assert set(again) == PROMISED
    assert (again["auc"] is None) == (len(set(labels)) == 1)
    assert (None in again["auc_ci95"]) == (len(set(labels)) == 1)


def test_a_baseline_leaves_out_what_is_unknown():
    labels = np.array([0, 0, 1, 1])
    baselines = {
        "diameter": np.array([5.0, np.nan, 9.0, 4.0]),
        "volume": np.full(4, np.nan),
        "depth": np.array([np.nan, np.nan, 1.0, 2.0]),
    }
    figures = summarise(labels, np.array([0.1, 0.2, 0.3, 0.4]), np.arange(4), 0.25, baselines)
    # of the three known, 9 is above 5 and 4 is below; volumes are unknown; depths are of one class
    assert figures["baselines"] == {"auc_diameter": 0.5, "auc_depth": None}
    against = figures["against_baselines"]
    assert set(against) == {"diameter", "depth"}
    # over the same three the net, which knows all four, makes no error
    told = ("n", "n_positive", "auc", "baseline_auc", "difference")
    assert [against["diameter"][name] for name in told] == [3, 2, 1.0, 0.5, 0.5]
    assert against["depth"]["p"] is None
    # the network's own figures lose no row by it
    assert figures["n"] == 4
    assert figures["auc"] == 1
