"""Tables and figures of a number show what metrics.json and prediction.json hold."""

import numpy as np
import pytest

from lungcam.metrics.numbers import summarise_numbers
from lungcam.report.number_figures import NumberResults, draw_agreement, draw_scatter
from lungcam.report.number_tables import number_figures, number_section


@pytest.fixture
def numbers():
    generator = np.random.default_rng(0)
    true = generator.uniform(3, 30, 40)
    return true, true + generator.normal(0, 2, 40)


@pytest.fixture
def metrics(numbers):
    true, predicted = numbers
    figures = summarise_numbers(
        true,
        predicted,
        patients=np.arange(40).astype(str),
        baselines={"mean": np.full(40, 16.0)},
        bounds=(predicted - 3, predicted + 3),
    )
    figures["train_mean"] = 16.0
    fit = {"coverage": 0.9}
    return {"test": figures, "val": figures, "label_rule": "number: x", "fit": fit}


def test_the_page_shows_errors_in_the_unit(metrics):
    page = number_figures(metrics, title="volume (ml)", unit="ml")
    test = metrics["test"]
    assert f"{test['mae']:.2f} ml" in page.head
    assert (
        f"hold {test['interval']['coverage']:.0%} of the test samples; chosen for 90%" in page.head
    )
    assert "Mean absolute error, ml" in page.table
    assert f"{test['against_baselines']['mean']['baseline_mae']:.3f}" in page.baselines


def test_a_scan_shows_the_number_and_its_interval():
    prediction = {"number": 7.25, "unit": "mm", "interval": [5.0, 9.5], "coverage": 0.9}
    section = number_section(prediction, title="diameter")
    assert "7.2 mm" in section
    assert "90% prediction interval: 5.0 to 9.5 mm" in section
    assert "too small" in number_section({"number": 7.25, "interval": None}, title="x")


def test_figures_hold_every_sample_and_the_limits(numbers, metrics):
    true, predicted = numbers
    results = NumberResults(
        split="test",
        true=true,
        predicted=predicted,
        margin=3.0,
        title="volume (ml)",
        metrics=metrics["test"],
        label_rule="number: x",
    )
    (axes,) = draw_scatter(results).axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.array_equal(points[0].get_xdata(), true)
    assert np.array_equal(points[0].get_ydata(), predicted)
    (axes,) = draw_agreement(results).axes
    (points,) = (line for line in axes.lines if line.get_marker() == "o")
    assert points.get_ydata() == pytest.approx(predicted - true)
    heights = [line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 2]
    assert set(metrics["test"]["limits_of_agreement"]) <= set(heights)
