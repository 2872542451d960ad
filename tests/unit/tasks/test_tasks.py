"""The contract of a task, held by every task of the registry."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.config.schema import TrainConfig
from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.metrics import Calibration
from lungcam.tasks import TASKS, Task, task_named
from lungcam.tasks.predictions import Predictions
from lungcam.training.classifier import Classifier
from lungcam.training.risk_classifier import RiskClassifier

YEARS = 6


def person(number: int, label: int | None, time_days: float, event: bool) -> Sample:
    return Sample(
        sample_id=f"s{number}",
        patient_id=f"p{number}",
        image=Path("x"),
        label=label,
        label_source="",
        time_days=time_days,
        event=event,
    )


@pytest.fixture
def people() -> list[Sample]:
    """Six people with and without the event, and two who are lost to follow-up."""
    times = [(1, 200.0, True), (1, 900.0, True), (1, 1500.0, True), (0, 2300.0, False)]
    times += [(0, 2500.0, False), (0, 2400.0, False), (None, 400.0, False), (None, 800.0, False)]
    return [person(number, *values) for number, values in enumerate(times)]


def predictions(task: Task, people: list[Sample]) -> Predictions:
    logits = np.random.default_rng(0).normal(size=(len(people), YEARS)).cumsum(axis=1)
    if task.uses_unlabelled:
        return Predictions(samples=people, logits=logits)
    labelled = [sample for sample in people if sample.label is not None]
    return Predictions(samples=labelled, logits=logits[: len(labelled), -1])


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 1))


@pytest.fixture(params=TASKS.values(), ids=TASKS)
def task(request) -> Task:
    return request.param


def test_the_configuration_offers_every_task():
    (option,) = (field for field in fields(TrainConfig) if field.name == "task")
    assert option.metadata["choices"] == tuple(TASKS)
    assert {name: task_named(name) for name in TASKS} == TASKS


@pytest.mark.parametrize("name", ["survival", None, ["risk"]])
def test_an_unknown_task_is_refused(name):
    with pytest.raises(InputError, match="choose malignancy or risk"):
        task_named(name)


def test_metrics_tables_and_summary_follow_from_predictions(task, people, tmp_path):
    val = predictions(task, people)
    fit = task.fit(val)
    calibrated = val.calibrated(fit.calibration)
    figures = task.metrics(calibrated, threshold=fit.threshold, seed=0)
    assert figures["n"] == 6
    assert {"threshold", "calibration"} <= set(task.rules)
    assert figures["threshold"] == fit.threshold
    task.write_tables(tmp_path, {"val": calibrated})
    assert (tmp_path / "predictions.csv").is_file()
    metrics = {"test": figures, "val": figures, "label_rule": "label 1: x", "seed": 0}
    assert task.summary(metrics)[0].startswith("test AUC")
    assert set(task.draw(calibrated, metrics)) <= set(task.figure_titles)


def test_a_classifier_learns_from_the_tasks_targets(task, people):
    classifier = task.classifier(net())
    task.initialise(classifier, people)
    samples = [sample for sample in people if task.uses_unlabelled or sample.label is not None]
    batch = {
        "input": torch.randn(len(samples), 1, 2, 2, 2),
        "label": torch.tensor([-1 if sample.label is None else sample.label for sample in samples]),
        **{name: torch.from_numpy(values) for name, values in task.targets(samples).items()},
    }
    loss = classifier.training_step(batch, 0)
    assert torch.isfinite(loss)
    loss.backward()


def test_prediction_takes_the_weights_of_training_and_needs_no_lightning(task):
    trained, predicting = task.classifier(net()).eval(), task.logit_net(net()).eval()
    assert not isinstance(predicting, pl.LightningModule)
    predicting.load_state_dict(trained.state_dict())
    image = torch.randn(3, 1, 2, 2, 2)
    with torch.no_grad():
        assert torch.equal(predicting(image), trained(image))
        assert torch.equal(predicting.logits(image), trained.logits(image))


def test_malignancy_adds_nothing_to_a_scans_prediction():
    task = task_named("malignancy")
    assert type(task.classifier(net())) is Classifier
    assert task.targets([]) == {}
    assert task.prediction(np.array(1.0), float) == {}
    assert task.prediction_lines({}) == []
    assert task.prediction_section({}) == ""
    assert list(task.maps(None, None)) == []


def test_risk_names_every_year_of_a_scan():
    task = task_named("risk")
    prediction = task.prediction(np.arange(YEARS) - 3.0, Calibration().probability)
    assert list(prediction["risk"]) == [str(year) for year in range(1, YEARS + 1)]
    assert prediction["risk"]["4"] == 0.5
    (line,) = task.prediction_lines(prediction)
    assert line.startswith("risk within 1 y 0.047, 2 y 0.119")
    assert "within 6 y" in task.prediction_section(prediction)


def test_risk_explains_every_year_by_its_own_logit():
    classifier = task_named("risk").classifier(net()).eval()
    assert isinstance(classifier, RiskClassifier)
    image = torch.randn(1, 1, 2, 2, 2)
    cells = Grid((1, 1, 1), np.eye(4))

    def explain() -> HeatMap:
        with torch.no_grad():
            return HeatMap(np.full((1, 1, 1), float(classifier(image))), cells)

    maps = dict(task_named("risk").maps(classifier, explain))
    assert list(maps) == [f"year_{year}" for year in range(1, YEARS + 1)]
    with torch.no_grad():
        logits = classifier.logits(image)[0].tolist()
    assert [float(heat.values[0, 0, 0]) for heat in maps.values()] == pytest.approx(logits)


def test_risk_refuses_a_net_without_a_linear_layer():
    with pytest.raises(InputError, match="no linear layer"):
        task_named("risk").classifier(nn.Sequential(nn.Flatten()))


def test_risk_labels_a_cohort_by_the_horizon(people):
    cohort = Cohort([person(0, None, 200.0, True), person(1, None, 2300.0, False)], "rule", [])
    labelled = task_named("risk").label(cohort)
    assert [sample.label for sample in labelled.samples] == [1, 0]
    assert task_named("malignancy").label(cohort) is cohort


def test_risk_has_figures_of_the_label_and_of_every_year(people, tmp_path):
    task = task_named("risk")
    val = predictions(task, people)
    calibrated = val.calibrated(task.fit(val).calibration)
    figures = task.metrics(calibrated, threshold=0.5, seed=0)
    assert (figures["n"], figures["risk"]["n"]) == (6, 8)
    assert "rules" not in figures["risk"]
    task.write_tables(tmp_path, {"val": calibrated})
    assert len((tmp_path / "risks.csv").read_text().splitlines()) == 9
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 7
