"""Tables of several classes show what metrics.json and prediction.json hold."""

import numpy as np
import pytest
from scipy.special import softmax

from lungcam.metrics.classes import summarise_classes
from lungcam.report.class_figures import (
    ClassResults,
    draw_class_reliability,
    draw_class_roc,
    draw_confusion,
)
from lungcam.report.class_tables import class_figures, probabilities_table

NAMES = ("benign", "<b>odd</b>", "squamous")


@pytest.fixture
def metrics():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    probabilities = softmax(np.eye(3)[labels] + generator.normal(size=(60, 3)), axis=1)
    figures = summarise_classes(
        labels,
        probabilities,
        names=NAMES,
        patients=np.arange(60).astype(str),
        majority=0,
        baselines={"crop_depth": np.outer(labels + generator.normal(size=60), [-1, 1, 1])},
    )
    figures |= {"ece_uncalibrated": 0.25, "brier_uncalibrated": 0.5}
    return {"test": figures, "val": figures, "label_rule": "a <rule>"}, labels, probabilities


def test_the_page_shows_every_class_and_baseline_and_escapes_names(metrics):
    content, _, _ = metrics
    page = class_figures(content, NAMES)
    assert f"{content['test']['auc_macro']:.3f}" in page.head
    assert "20 benign" in page.head
    assert "a &lt;rule&gt;" in page.head
    assert page.table.count("20 test samples") == 3
    assert page.baselines.count("crop depth") == 3
    assert "Always benign" in page.baselines
    assert not any("<b>odd" in part for part in (page.head, page.table, page.baselines))


def test_a_scan_without_calibration_says_so():
    prediction = {
        "class": "squamous",
        "probabilities": {"benign": 0.2, "squamous": 0.8},
        "calibrated": False,
    }
    table = probabilities_table(prediction)
    assert "Called squamous" in table
    assert "0.800" in table
    assert "not calibrated" in table


def test_figures_hold_the_counts_and_the_curves(metrics):
    content, labels, probabilities = metrics
    results = ClassResults(
        split="test",
        names=NAMES,
        labels=labels,
        uncalibrated=probabilities,
        probabilities=probabilities,
        metrics=content["test"],
        label_rule="a rule",
    )
    (axes,) = draw_confusion(results).axes
    cells = [text.get_text().split("\n")[0] for text in axes.texts]
    assert [int(cell) for cell in cells] == np.ravel(content["test"]["confusion"]).tolist()
    (axes,) = draw_class_roc(results).axes
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(entries) == 3
    assert entries[0].startswith(
        f"benign: AUC {content['test']['auc_by_class']['benign']['value']:.3f}"
    )
    (axes,) = draw_class_reliability(results).axes
    assert "before: ECE 0.250" in [text.get_text() for text in axes.get_legend().get_texts()]
