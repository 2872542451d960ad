"""Metrics of several classes, against scikit-learn's definitions in torchmetrics and by hand."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_auroc,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
)

from lungcam.metrics.classes import (
    Temperature,
    baseline_signs,
    confidence_error,
    confusion,
    fit_temperature,
    multiclass_brier,
    summarise_classes,
)

NAMES = ("benign", "adeno", "squamous")


@pytest.fixture
def predicted():
    """Labels, probabilities and patients of 90 samples, with errors."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [45, 30, 15])
    logits = 1.3 * np.eye(3)[labels] + generator.normal(size=(90, 3))
    return labels, softmax(logits, axis=1), np.array([f"p{i // 2}" for i in range(90)])


def summarise(labels, probabilities, patients, **options):
    settings = {"names": NAMES, "majority": 0, "baselines": {}, "seed": 0} | options
    return summarise_classes(labels, probabilities, patients=patients, **settings)


def test_figures_equal_those_of_torchmetrics(predicted):
    labels, probabilities, patients = predicted
    figures = summarise(labels, probabilities, patients)
    p, y = torch.from_numpy(probabilities), torch.from_numpy(labels)
    each = multiclass_auroc(p, y, 3, average=None).tolist()
    assert [figures["auc_by_class"][name]["value"] for name in NAMES] == pytest.approx(each)
    assert figures["auc_macro"] == pytest.approx(np.mean(each))
    accuracy = float(multiclass_accuracy(p, y, 3, average="micro"))
    assert figures["accuracy"] == pytest.approx(accuracy)
    balanced = float(multiclass_accuracy(p, y, 3, average="macro"))
    assert figures["balanced_accuracy"] == pytest.approx(balanced)
    assert accuracy != pytest.approx(balanced)
    assert figures["confusion"] == multiclass_confusion_matrix(p, y, 3).tolist()
    ece = float(multiclass_calibration_error(p, y, 3, n_bins=10, norm="l1"))
    assert figures["ece"] == pytest.approx(ece, abs=1e-6)
    assert figures["n_by_class"] == {"benign": 45, "adeno": 30, "squamous": 15}
    assert figures["majority"] == {
        "class": "benign",
        "accuracy": 0.5,
        "balanced_accuracy": pytest.approx(1 / 3),
    }


def test_brier_score_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    # 0.09 + 0.04 + 0.01; none; a certain error: 1 + 1
    expected = (0.14 + 0 + 2) / 3
    assert multiclass_brier(np.array([0, 1, 0]), probabilities) == pytest.approx(expected)


def test_rows_of_the_confusion_matrix_are_true_classes():
    matrix = confusion(np.array([0, 0, 2]), np.array([1, 0, 2]), count=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_intervals_hold_the_values_and_resample_patients(predicted):
    labels, probabilities, patients = predicted
    figures = summarise(labels, probabilities, patients)
    for name in ("accuracy", "balanced_accuracy", "auc_macro"):
        low, high = figures[f"{name}_ci95"]
        assert low < figures[name] < high
    everyone = summarise(labels, probabilities, np.array(["one"] * 90))
    # of a single patient no resample differs
    assert everyone["auc_macro_ci95"] == [None, None]
    single = summarise(labels, probabilities, np.arange(90).astype(str))
    assert single["accuracy_ci95"] != figures["accuracy_ci95"]


def test_two_classes_have_the_auc_of_a_label():
    generator = np.random.default_rng(3)
    labels = np.arange(40) % 2
    score = labels + generator.normal(size=40)
    probabilities = softmax(np.stack([-score, score], axis=1), axis=1)
    figures = summarise(labels, probabilities, np.arange(40).astype(str), names=("no", "yes"))
    by_class = figures["auc_by_class"]
    assert by_class["yes"]["value"] == by_class["no"]["value"] == figures["auc_macro"]


def test_a_class_without_a_sample_has_no_auc(predicted):
    labels, probabilities, patients = predicted
    rows = labels < 2
    figures = summarise(labels[rows], probabilities[rows], patients[rows])
    assert figures["auc_by_class"]["squamous"]["value"] is None
    assert figures["auc_macro"] is None
    assert 0 < figures["balanced_accuracy"] < 1


def test_baselines_are_compared_by_class_where_they_are_known(predicted):
    labels, probabilities, patients = predicted
    diameter = labels + np.random.default_rng(5).normal(0, 0.3, 90)
    diameter[:10] = np.nan
    signs = baseline_signs(labels, diameter, count=3)
    assert signs[0] == -1
    assert signs[2] == 1
    baselines = {"diameter": np.outer(diameter, signs), "unknown": np.full((90, 3), np.nan)}
    compared = summarise(labels, probabilities, patients, baselines=baselines)["against_baselines"]
    assert list(compared) == ["diameter"]
    assert compared["diameter"]["squamous"]["n"] == 80
    # large means squamous, and small means benign
    assert compared["diameter"]["squamous"]["baseline_auc"] > 0.9
    assert compared["diameter"]["benign"]["baseline_auc"] > 0.9


def test_the_temperature_undoes_overconfidence_and_keeps_calls():
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(5000, 4))
    labels = np.array([generator.choice(4, p=p) for p in softmax(logits, axis=1)])
    fitted = fit_temperature(labels, 3 * logits)
    assert fitted.temperature == pytest.approx(3, rel=0.05)
    calibrated = fitted.probability(3 * logits)
    assert (calibrated.argmax(1) == logits.argmax(1)).all()
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(5000))
    raw = Temperature().probability(3 * logits)
    assert confidence_error(labels, calibrated) < 0.03 < confidence_error(labels, raw)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_a_temperature_that_is_not_above_0_is_refused(temperature):
    with pytest.raises(ValueError, match="does not calibrate"):
        Temperature(temperature)
