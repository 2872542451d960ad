"""task=number: its target, strata, interval, baselines, tables and pooled folds."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.cohorts import Cohort, Quantity
from lungcam.errors import InputError
from lungcam.tasks import Number
from lungcam.tasks.predictions import Predictions, SplitSamples

from .conftest import make_sample

VOLUME = Number(Quantity("volume", "ml"))


def rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def predictions(numbered) -> Predictions:
    noise = np.random.default_rng(0).normal(0, 1, len(numbered))
    logits = np.array([sample.number for sample in numbered]) + noise
    return Predictions(samples=numbered, logits=logits)


@pytest.fixture
def fit(predictions):
    return VOLUME.fit(predictions, train=SplitSamples(samples=predictions.samples))


def test_the_target_is_the_diameter_where_the_cohort_has_no_number():
    samples = [make_sample(i, label=1, diameter_mm=mm) for i, mm in enumerate([5.0, 0.0, None])]
    cohort = Number().label(Cohort(samples, "label 1: x"))
    (kept,) = cohort.samples
    assert (kept.number, kept.label) == (5.0, None)
    assert cohort.label_rule == "number: diameter (mm) of the lesion"
    assert cohort.notes == ["left out, since no diameter is known: 2 samples"]
    task = Number().of(cohort)
    assert task.state == {"quantity": "diameter", "unit": "mm"}


def test_the_target_is_the_tables_number_where_it_has_one():
    samples = [make_sample(0, number=0.0), make_sample(1, number=None)]
    cohort = Number().label(Cohort(samples, "", quantity=VOLUME.quantity))
    # a number of 0 is a number
    assert [sample.number for sample in cohort.samples] == [0.0]
    assert Number().of(cohort) == VOLUME


def test_a_cohort_without_numbers_is_refused():
    samples = [make_sample(0, diameter_mm=None)]
    with pytest.raises(
        InputError, match=r"^task=number: no sample has a number; .*columns\.number"
    ):
        Number().label(Cohort(samples, ""))


def test_splits_regard_thirds_of_the_number_if_there_are_enough(numbered):
    few = VOLUME.strata(numbered[:40])
    assert few.names == ("a volume",)
    assert {few.number(sample) for sample in numbered} == {0}
    many = [replace(sample, patient_id=sample.sample_id) for sample in numbered]
    strata = VOLUME.strata(many)
    assert [strata.number(sample) for sample in many] == [0] * 20 + [1] * 20 + [2] * 20
    tied = [replace(sample, number=5.0) for sample in many]
    assert len(VOLUME.strata(tied).names) == 1


def test_a_split_needs_two_numbers(numbered):
    assert VOLUME.lack(numbered) is None
    assert "one volume" in VOLUME.lack([numbered[0], replace(numbered[0])]).reason


def test_mean_and_deviation_of_the_training_split_are_stored(numbered):
    classifier = VOLUME.classifier(nn.Sequential(nn.Flatten(), nn.Linear(8, 1)))
    VOLUME.initialise(classifier, numbered)
    numbers = np.array([sample.number for sample in numbered])
    stored = classifier.state_dict()
    assert float(stored["mean"]) == pytest.approx(numbers.mean())
    assert float(stored["spread"]) == pytest.approx(numbers.std())


def test_the_interval_is_that_of_the_validation_errors(predictions, fit):
    errors = np.abs(predictions.logits - [sample.number for sample in predictions.samples])
    # the 55th of 60: ceil(61 * 0.9)
    assert fit["margin"] == pytest.approx(np.sort(errors)[54])
    answer = VOLUME.prediction(np.array(10.0), fit)
    assert answer == {
        "quantity": "volume",
        "number": 10.0,
        "unit": "ml",
        "interval": [pytest.approx(10 - fit["margin"]), pytest.approx(10 + fit["margin"])],
        "coverage": 0.9,
    }
    (line,) = VOLUME.prediction_lines(answer)
    assert line.startswith("volume 10.00 ml (90% interval ")
    assert "10.0 ml" in VOLUME.prediction_section(answer)


def test_few_validation_samples_give_no_interval(predictions):
    few = Predictions(samples=predictions.samples[:8], logits=predictions.logits[:8])
    fit = VOLUME.fit(few, train=SplitSamples(samples=predictions.samples))
    assert fit["margin"] is None
    assert VOLUME.prediction(np.array(10.0), fit)["interval"] is None
    assert "interval" not in VOLUME.metrics(few, fit=fit, seed=0)
    assert "too small" in VOLUME.prediction_section(VOLUME.prediction(np.array(10.0), fit))


def test_baselines_are_fitted_to_the_training_split_and_never_the_target(predictions):
    # in training a diameter gives the number exactly, in the test it is 1 mm too large
    train = [replace(sample, diameter_mm=2 * sample.number) for sample in predictions.samples]
    tested = [replace(sample, diameter_mm=2 * sample.number + 1) for sample in predictions.samples]
    fit = VOLUME.fit(predictions, train=SplitSamples(samples=train))
    test = Predictions(samples=tested, logits=predictions.logits)
    compared = VOLUME.metrics(test, fit=fit, seed=0)["against_baselines"]
    assert list(compared) == ["mean", "diameter"]
    assert compared["diameter"]["baseline_mae"] == pytest.approx(0.5)
    numbers = np.array([sample.number for sample in tested])
    assert compared["mean"]["baseline_mae"] == pytest.approx(
        np.abs(numbers - numbers.mean()).mean()
    )
    for quantity in (Quantity("diameter", "mm"), Quantity("diameter_mm", "mm")):
        own = Number(quantity)
        fit = own.fit(predictions, train=SplitSamples(samples=train))
        assert list(own.metrics(test, fit=fit, seed=0)["against_baselines"]) == ["mean"]


def test_the_table_has_the_number_and_its_interval(predictions, fit, tmp_path):
    VOLUME.write_tables(tmp_path, {"test": predictions}, fit=fit)
    table = rows(tmp_path / "predictions.csv")
    for row, sample, number in zip(table, predictions.samples, predictions.logits, strict=True):
        assert float(row["true"]) == sample.number
        assert float(row["number"]) == pytest.approx(number, abs=1e-5)
        assert float(row["high"]) - float(row["low"]) == pytest.approx(2 * fit["margin"], abs=1e-5)


def test_examples_are_the_largest_errors_and_good_answers(predictions, fit):
    cases = {case.title: case.row for case in VOLUME.examples(predictions, fit=fit).cases}
    error = predictions.logits - [sample.number for sample in predictions.samples]
    assert cases["Most overestimated"] == error.argmax()
    assert cases["Most underestimated"] == error.argmin()
    small = cases["Best answer for a small number"]
    assert small < 20
    assert abs(error[small]) == np.abs(error[:20]).min()


def test_folds_are_pooled_with_their_own_intervals_and_baselines(predictions, tmp_path):
    folders, margins, means = [], [], []
    for fold in range(2):
        own = slice(30 * fold, 30 * fold + 30)
        part = Predictions(samples=predictions.samples[own], logits=predictions.logits[own])
        other = predictions.samples[30:] if fold == 0 else predictions.samples[:30]
        fit = VOLUME.fit(part, train=SplitSamples(samples=other))
        margins.append(fit["margin"])
        means.append(fit["train_mean"])
        folders.append(tmp_path / f"fold_{fold}")
        folders[-1].mkdir()
        VOLUME.write_tables(folders[-1], {"val": part, "test": part}, fit=fit)
        figures = {"test": VOLUME.metrics(part, fit=fit, seed=0)} | VOLUME.reported(fit)
        (folders[-1] / "metrics.json").write_text(json.dumps(figures))
    pooled = VOLUME.pool([folders], label_rule="a rule", seed=0)
    true = np.array([sample.number for sample in predictions.samples])
    assert pooled.figures["mae"] == pytest.approx(
        np.abs(predictions.logits - true).mean(), abs=1e-5
    )
    assert pooled.figures["interval"]["width"] == pytest.approx(2 * np.mean(margins), abs=1e-5)
    mean = pooled.figures["against_baselines"]["mean"]["baseline_mae"]
    assert mean == pytest.approx(np.abs(np.repeat(means, 30) - true).mean(), abs=1e-5)
    assert pooled.figures["folds"]["count"] == 2
    assert [row["sample_id"] for row in pooled.rows] == [s.sample_id for s in predictions.samples]


def test_a_net_learns_a_number_better_than_the_mean():
    torch.manual_seed(0)
    task = Number(Quantity("sum"))
    images = torch.rand(64, 1, 2, 2, 2)
    samples = [make_sample(i, number=100 + 10 * float(x.sum())) for i, x in enumerate(images)]
    regressor = task.classifier(nn.Sequential(nn.Flatten(), nn.Linear(8, 1)))
    task.initialise(regressor, samples)
    batch = {"input": images, "label": torch.full((64,), -1)}
    batch |= {name: torch.from_numpy(values) for name, values in task.targets(samples).items()}
    optimizer = torch.optim.Adam(regressor.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        regressor.training_step(batch, 0).backward()
        optimizer.step()
    errors = (regressor(images) - batch["number"]).detach().abs()
    assert float(errors.mean()) < 0.1 * float(
        (batch["number"] - batch["number"].mean()).abs().mean()
    )


@pytest.mark.parametrize(
    "fit", [{"margin": -1, "coverage": 0.9}, {"margin": "wide"}, {"x": 1}, [1]]
)
def test_a_damaged_fit_is_refused(fit):
    with pytest.raises(InputError, match="damaged; train again"):
        VOLUME.read_fit({"fit": fit})
