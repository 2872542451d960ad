"""The contract of a task, held by every task of the registry."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from lungcam.cohorts import Cohort, Quantity, Sample
from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.tasks import TASKS, Task, refuse_without_positive, task_named
from lungcam.tasks.predictions import Predictions, SplitSamples
from lungcam.training.classifier import Classifier
from lungcam.training.risk_classifier import RiskClassifier

YEARS = 6
CLASSES = ("a", "b")
COHORT = Cohort([], "a rule", [], classes=CLASSES, quantity=Quantity("volume", "ml"))


def person(number: int, label: int | None, time_days: float, event: bool) -> Sample:
    return Sample(
        sample_id=f"s{number}",
        patient_id=f"p{number}",
        image=Path("x"),
        label=label,
        label_source="",
        time_days=time_days,
        event=event,
        number=5.0 + number,
    )


@pytest.fixture
def people() -> list[Sample]:
    """Six people with and without the event, and two who are lost to follow-up."""
    times = [(1, 200.0, True), (1, 900.0, True), (1, 1500.0, True), (0, 2300.0, False)]
    times += [(0, 2500.0, False), (0, 2400.0, False), (None, 400.0, False), (None, 800.0, False)]
    return [person(number, *values) for number, values in enumerate(times)]


def counted(task: Task, people: list[Sample]) -> list[Sample]:
    """Return the samples that a task predicts."""
    return [sample for sample in people if task.uses_unlabelled or sample.label is not None]


def predictions(task: Task, people: list[Sample]) -> Predictions:
    samples, generator = counted(task, people), np.random.default_rng(0)
    if task.name == "risk":
        logits = generator.normal(size=(len(samples), YEARS)).cumsum(axis=1)
    elif task.name == "classes":
        logits = generator.normal(size=(len(samples), len(CLASSES)))
    else:
        logits = generator.normal(size=len(samples))
    return Predictions(samples=samples, logits=logits)


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 1))


@pytest.fixture(params=TASKS)
def task(request) -> Task:
    return task_named(request.param).of(COHORT)


def test_a_task_is_found_by_its_name():
    assert {name: task_named(name) for name in TASKS} == TASKS
    assert list(TASKS) == ["malignancy", "risk", "classes", "number"]


@pytest.mark.parametrize("name", ["survival", None, ["risk"]])
def test_an_unknown_task_is_refused(name):
    with pytest.raises(InputError, match="choose malignancy, risk, classes, number"):
        task_named(name)


def test_what_a_task_takes_from_a_cohort_is_restored_from_plain_values(task):
    state = json.loads(json.dumps(task.state))
    restored = task_named(task.name).restored(state)
    assert restored == task
    assert restored.columns == task.columns


def test_metrics_tables_report_and_summary_follow_from_predictions(task, people, tmp_path):
    val = predictions(task, people)
    fit = task.fit(val, train=SplitSamples(samples=counted(task, people)))
    # plain values alone: a checkpoint carries them
    carried = json.loads(json.dumps(task.carried(fit)))
    figures = task.metrics(val, fit=task.read_fit(carried), seed=0)
    assert figures == task.metrics(val, fit=fit, seed=0)
    json.dumps(figures, allow_nan=False)
    assert figures["n"] == (8 if task.name == "number" else 6)
    assert task.score in figures
    task.write_tables(tmp_path, {"val": val}, fit=fit)
    assert (tmp_path / "predictions.csv").is_file()
    metrics = {"test": figures, "val": figures, "label_rule": "label 1: x", "seed": 0}
    metrics |= task.reported(fit)
    assert task.summary(metrics)[0].startswith("test ")
    assert set(task.draw(val, fit=fit, metrics=metrics)) <= set(task.figure_titles)
    assert "on the test split" in task.run_figures(metrics).head.replace("\n", " ")
    examples = task.examples(val, fit=fit)
    rows = {example.row for example in examples.shown}
    assert rows
    assert all(case.row is None or case.row < len(val.samples) for case in examples.cases)


def test_the_answer_for_a_scan_makes_a_row_and_is_measured(task, people):
    val = predictions(task, people)
    fit = task.fit(val, train=SplitSamples(samples=counted(task, people)))
    records = [task.prediction(logits, fit) for logits in val.logits]
    json.dumps(records, allow_nan=False)
    assert set(task.record_keys) <= set(records[0])
    kept = [{name: record[name] for name in task.record_keys} for record in records]
    assert tuple(task.row(kept[0])) == tuple(task.columns)
    measured = task.measure(val.samples, kept, fit=fit)
    whole = task.metrics(val, fit=fit, seed=0)
    assert measured["test"]["n"] == whole["n"]
    assert measured["test"][task.score] == pytest.approx(whole[task.score], rel=1e-4)
    unknown = [replace(sample, label=None, number=None) for sample in val.samples]
    assert task.measure(unknown, kept, fit=fit) is None
    (line, *_) = task.prediction_lines(records[0] | {"label_rule": "a rule"})
    assert task.answer(records[0]).split(",")[0].split(" ")[0] == line.split(" ")[0]


def test_a_run_that_is_not_finished_predicts_without_a_fit(task, people):
    fit = task.read_fit({})
    record = task.prediction(predictions(task, people).logits[0], fit)
    assert record.get("calibrated", False) is False
    assert set(task.record_keys) <= set(record)


def test_only_a_task_with_a_positive_class_measures_maps(task):
    explain = {"benchmark": True, "erase": False}
    if task.has_positive:
        refuse_without_positive(task, explain)
    else:
        with pytest.raises(InputError, match=r"^explain\.benchmark=true: .*leave it out\.$"):
            refuse_without_positive(task, explain)
    refuse_without_positive(task, {"benchmark": False, "erase": False})


def test_a_classifier_learns_from_the_tasks_targets(task, people):
    classifier = task.classifier(net())
    samples = counted(task, people)
    task.initialise(classifier, samples)
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
    assert task.prediction(np.array(0.0), {}) == {
        **{"probability": 0.5, "logit": 0.0, "label": 1, "threshold": 0.5, "calibrated": False}
    }
    record = {"probability": 0.25, "label_rule": "a rule"}
    assert task.prediction_lines(record) == ["probability 0.250 (a rule)"]
    assert task.prediction_section({}) == ""
    assert list(task.maps(None, None)) == []


def test_risk_names_every_year_of_a_scan():
    task = task_named("risk")
    prediction = task.prediction(np.arange(YEARS) - 3.0, {}) | {"label_rule": "a rule"}
    assert prediction["probability"] == prediction["risk"]["6"]
    assert list(prediction["risk"]) == [str(year) for year in range(1, YEARS + 1)]
    assert prediction["risk"]["4"] == 0.5
    _, line = task.prediction_lines(prediction)
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
    fit = task.fit(val, train=SplitSamples(samples=people))
    figures = task.metrics(val, fit=fit, seed=0)
    assert (figures["n"], figures["risk"]["n"]) == (6, 8)
    assert "rules" not in figures["risk"]
    task.write_tables(tmp_path, {"val": val}, fit=fit)
    assert len((tmp_path / "risks.csv").read_text().splitlines()) == 9
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 7


@pytest.mark.parametrize("name", ["malignancy", "risk"])
def test_a_label_of_two_refuses_several_classes(name):
    with pytest.raises(InputError, match=r"^data\.classes: .*add task=classes"):
        task_named(name).label(COHORT)
