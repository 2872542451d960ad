"""Figures can be drawn from any split, and hold the counts, the label rule and the notice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib._pylab_helpers import Gcf

from lungcam import RESEARCH_USE_ONLY
from lungcam.metrics import summarise
from lungcam.report.classification_figures import (
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    reliability_bins,
)
from lungcam.report.figure import SplitResults, to_rgb

RULE = "label 1: malignancy 4 to 5; 0: 1 to 2; " + "others left out; " * 8


def split_results(labels, probabilities, diameters) -> SplitResults:
    labels, probabilities = np.array(labels), np.array(probabilities)
    patients = np.arange(len(labels))
    baselines = {"diameter": np.array(diameters, float), "unknown": np.full(len(labels), np.nan)}
    metrics = summarise(
        labels, probabilities, patients=patients, threshold=0.4, baselines=baselines
    )
    return SplitResults(
        split="test",
        labels=labels,
        uncalibrated=probabilities / 2,
        probabilities=probabilities,
        patients=patients,
        baselines=baselines,
        metrics=metrics | {"brier_uncalibrated": 0.2, "ece_uncalibrated": 0.1},
        label_rule=RULE,
        seed=0,
    )


def texts_of(figure) -> str:
    """Return all texts of a figure and its legends."""
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        if axes.get_legend() is not None:
            texts += [text.get_text() for text in axes.get_legend().get_texts()]
    return "\n".join(texts)


@pytest.mark.parametrize(
    "case",
    [
        ([0, 1, 0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4, 0.2, 1.0], [3, 9, 4, 8, np.nan, 2]),
        # no errors, and a baseline known for one class only
        ([0, 0, 1], [0.0, 0.1, 1.0], [3, 4, np.nan]),
        # no positive called, all scores equal
        ([0, 1], [0.2, 0.2], [1, 1]),
    ],
)
@pytest.mark.parametrize(
    "draw", [draw_roc, draw_precision_recall, draw_reliability, draw_histogram]
)
def test_each_figure_holds_counts_label_rule_and_notice(draw, case):
    figure = draw(split_results(*case))
    texts = texts_of(figure)
    assert f"n = {len(case[0])} ({sum(case[0])} positive)" in texts
    assert "Label rule: label 1: malignancy 4 to 5" in texts
    assert RESEARCH_USE_ONLY in texts
    picture = to_rgb(figure)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_figures_do_not_use_pyplot():
    draw_roc(split_results([0, 1, 1], [0.1, 0.2, 0.3], [1, 2, 3]))
    assert not Gcf.get_all_fig_managers()


def test_roc_curve_is_drawn_with_its_baseline():
    texts = texts_of(draw_roc(split_results([0, 1, 0, 1], [0.1, 0.3, 0.2, 0.15], [1, 2, 3, 4])))
    assert "diameter alone 0.750" in texts
    assert "net: AUC 0.750" in texts
    assert "unknown" not in texts


def test_reliability_bins_of_hand_computed_values():
    low, high = [0.12, 0.18, 0.15, 0.15, 0.15], [0.95, 1.0, 0.95, 0.9, 0.95]
    mean, positive, total = reliability_bins(
        np.array([0, 1, 0, 0, 0, 1, 1, 1, 1, 0]), np.array(low + high)
    )
    assert mean == pytest.approx([0.15, 0.95])
    assert positive.tolist() == [1, 4]
    assert total.tolist() == [5, 5]


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=80))
def test_no_bin_of_the_reliability_diagram_holds_a_few_samples(case):
    labels, probabilities = np.array([label for label, _ in case]), np.array([p for _, p in case])
    mean, positive, total = reliability_bins(labels, probabilities)
    assert total.sum() == len(case)
    assert positive.sum() == labels.sum()
    assert np.dot(mean, total) == pytest.approx(probabilities.sum())
    assert total.min() >= min(5, len(case))
    assert (np.diff(mean) > 0).all()
