"""task=classes: training's start, answers, maps, tables, and pooled folds."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import nn

from lungcam.cohorts import Cohort
from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.nets import class_head
from lungcam.tasks import Classes
from lungcam.tasks.predictions import Predictions, SplitSamples

NAMES = ("benign", "adeno G2", "squamous")
TASK = Classes(NAMES)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 1))


def rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def val(classed, class_logits) -> Predictions:
    return Predictions(samples=classed, logits=class_logits)


@pytest.fixture
def fit(val):
    return TASK.fit(val, train=SplitSamples(samples=val.samples[:32]))


def test_a_cohort_without_classes_is_refused():
    with pytest.raises(InputError, match=r"^task=classes: name the classes, .*data\.classes="):
        TASK.label(Cohort([], "rule"))


def test_a_checkpoint_without_its_classes_is_refused():
    with pytest.raises(InputError, match="does not name its classes"):
        Classes().restored({})


def test_the_net_starts_from_the_shares_of_the_training_split(classed):
    classifier = TASK.classifier(net())
    samples = [sample for sample in classed if sample.label != 2]
    TASK.initialise(classifier, samples)
    with torch.no_grad():
        class_head(classifier.net).weight.zero_()
        shares = classifier.logits(torch.zeros(1, 1, 2, 2, 2)).softmax(1)[0]
    # 20 and 20 of 40, and one more of each class
    assert shares.tolist() == pytest.approx([21 / 43, 21 / 43, 1 / 43])


def test_a_split_must_hold_every_class(classed):
    assert TASK.lack(classed) is None
    lack = TASK.lack([sample for sample in classed if sample.label == 0])
    assert lack.reason == "no sample of class adeno G2, squamous is left"


def test_the_answer_is_the_softmax_at_the_temperature(fit):
    logits = np.array([1.0, 3.0, -2.0])
    answer = TASK.prediction(logits, fit)
    expected = softmax(logits / fit["calibration"]["temperature"])
    assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-6)
    assert answer["class"] == "adeno G2"
    assert answer["logits"]["squamous"] == -2.0
    (line,) = TASK.prediction_lines(answer | {"label_rule": "a rule"})
    assert line.startswith("class adeno G2: benign 0.")
    section = TASK.prediction_section(answer)
    assert "Called adeno G2" in section
    # three classes, and the called one above them
    assert section.count("<tr>") == 3


def test_a_damaged_temperature_is_refused():
    for damaged in ({"temperature": -1}, {"slope": 1}, {"temperature": "hot"}):
        with pytest.raises(InputError, match="no temperature above 0"):
            TASK.read_fit({"fit": {"calibration": damaged}})


def test_each_class_has_its_map_in_a_file_of_its_name():
    classifier = TASK.classifier(net()).eval()
    image = torch.randn(1, 1, 2, 2, 2)

    def explain() -> HeatMap:
        with torch.no_grad():
            return HeatMap(np.full((1, 1, 1), float(classifier(image))), Grid((1, 1, 1), np.eye(4)))

    maps = dict(TASK.maps(classifier, explain))
    assert list(maps) == ["benign", "adeno_G2", "squamous"]
    with torch.no_grad():
        shares = classifier.logits(image).softmax(1)[0]
    values = [float(heat.values[0, 0, 0]) for heat in maps.values()]
    assert values == pytest.approx(shares.logit().tolist(), abs=1e-5)


def test_a_class_is_chosen_by_its_name():
    classifier = TASK.classifier(net())
    assert TASK.evidence(classifier) == "the called class, compared with all others"
    called = TASK.evidence(classifier, np.array([0.0, 2.0, 1.0]))
    assert called == "class adeno G2, compared with all others"
    TASK.choose(classifier, "squamous")
    assert classifier.chosen == 2
    assert TASK.evidence(classifier) == "class squamous, compared with all others"
    TASK.choose(classifier, None)
    assert classifier.chosen is None
    with pytest.raises(InputError, match=r"^explain\.class_name=lymphoma: choose benign, "):
        TASK.choose(classifier, "lymphoma")


def test_the_table_has_columns_for_each_class(val, fit, tmp_path):
    TASK.write_tables(tmp_path, {"test": val}, fit=fit)
    table = rows(tmp_path / "predictions.csv")
    assert len(table) == 60
    for row, sample, logits in zip(table, val.samples, val.logits, strict=True):
        assert row["label"] == NAMES[sample.label]
        assert row["class"] == NAMES[logits.argmax()]
        shares = [float(row[f"probability_{name}"]) for name in NAMES]
        assert shares == pytest.approx(softmax(logits / fit["calibration"]["temperature"]))
        assert float(row["logit_benign"]) == pytest.approx(logits[0], abs=1e-6)
        assert float(row["baseline_diameter"]) == sample.diameter_mm


def test_examples_are_the_surest_right_and_wrong_answers(val, fit):
    examples = TASK.examples(val, fit=fit)
    assert len(examples.cases) == 6
    called = val.logits.argmax(1)
    for number, case in enumerate(examples.cases):
        label, right = number // 2, number % 2 == 0
        assert NAMES[label] in case.title
        assert val.samples[case.row].label == label
        assert (called[case.row] == label) == right


def write_fold(folder, samples, logits):
    predictions = Predictions(samples=samples, logits=logits)
    fit = TASK.fit(predictions, train=SplitSamples(samples=samples))
    TASK.write_tables(folder, {"val": predictions, "test": predictions}, fit=fit)
    figures = TASK.metrics(predictions, fit=fit, seed=0)
    text = json.dumps({"test": figures} | TASK.reported(fit))
    (folder / "metrics.json").write_text(text)
    return log_softmax(logits / fit["calibration"]["temperature"], axis=1)


def test_folds_are_pooled_over_probabilities_and_averaged_over_seeds(
    classed, class_logits, tmp_path
):
    generator = np.random.default_rng(5)
    seeds, logarithms = [], []
    for seed in range(2):
        noisy = class_logits + generator.normal(size=class_logits.shape)
        folders, parts = [], []
        for fold in range(2):
            own = slice(30 * fold, 30 * fold + 30)
            folders.append(tmp_path / f"seed_{seed}_fold_{fold}")
            folders[-1].mkdir()
            parts.append(write_fold(folders[-1], classed[own], noisy[own]))
        seeds.append(folders)
        logarithms.append(np.concatenate(parts))
    pooled = TASK.pool(seeds, label_rule="a rule", seed=0)
    shares = softmax(np.mean(logarithms, axis=0), axis=1)
    labels = np.array([sample.label for sample in classed])
    assert pooled.figures["n"] == 60
    assert pooled.figures["accuracy"] == pytest.approx((shares.argmax(1) == labels).mean())
    assert pooled.figures["folds"]["count"] == 4
    assert "majority" not in pooled.figures
    assert [float(row["probability_benign"]) for row in pooled.rows] == pytest.approx(
        shares[:, 0], abs=1e-7
    )
    assert set(pooled.rows[0]) >= set(pooled.columns)
    assert any("macro AUC by fold" in line for line in pooled.lines)


def test_a_sample_in_two_folds_is_refused(classed, class_logits, tmp_path):
    folders = [tmp_path / "fold_0", tmp_path / "fold_1"]
    for folder in folders:
        folder.mkdir()
        write_fold(folder, classed[:30], class_logits[:30])
    with pytest.raises(ValueError, match="in two folds"):
        TASK.pool([folders], label_rule="", seed=0)


def test_scans_without_a_class_are_not_measured(val, fit):
    records = [TASK.prediction(logits, fit) for logits in val.logits]
    samples = [replace(sample, label=None) for sample in val.samples[:10]]
    assert TASK.measure(samples, records[:10], fit=fit) is None
    measured = TASK.measure([*samples, *val.samples[10:]], records, fit=fit)
    assert measured["test"]["n"] == 50
    assert measured["calibrated"] is True
