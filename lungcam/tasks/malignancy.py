"""Malignancy: one logit for label 1, learnt with binary cross-entropy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.errors import InputError
from lungcam.metrics import (
    CALIBRATION_RULE,
    RULES,
    Calibration,
    brier,
    expected_calibration_error,
    fit_platt,
    platt_helps,
    youden_threshold,
)
from lungcam.metrics.logistic import LogisticScore, fit_logistic
from lungcam.metrics.summary import with_interval
from lungcam.nets import LogitNet
from lungcam.report.run_figures import RunFigures, binary_figures
from lungcam.tasks.baselines import baseline_lines
from lungcam.tasks.examples import (
    Case,
    Example,
    Examples,
    extremes,
    sample_facts,
    wrong_answers,
)
from lungcam.tasks.pooled_labels import pool_labels
from lungcam.tasks.pooling import Pooled
from lungcam.tasks.predictions import CLINICAL, Predictions, SplitSamples, write_predictions
from lungcam.tasks.task import Fit, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lungcam.training.classifier import Classifier

# of a run that is not finished
DEFAULT_THRESHOLD = 0.5
THRESHOLD_RULE = "Youden's index on the validation split, of calibrated probabilities"


class Malignancy(Task):
    """Tell label 1 from label 0, whatever the cohort's label rule calls positive."""

    name = "malignancy"
    has_positive = True
    score = "auc"
    rules = RULES | {"threshold": THRESHOLD_RULE, "calibration": CALIBRATION_RULE}
    figure_titles: ClassVar = {
        "roc": "ROC curve",
        "precision_recall": "Precision over recall",
        "reliability": "Reliability diagram",
        "histogram": "Probabilities by class",
    }
    columns = ("probability", "logit", "label")
    record_keys = columns
    score_name = "AUC"
    output = (
        "logits (batch,), or (batch, years) of the event by the end of each year; "
        "probability = 1 / (1 + exp(-(slope * logit + intercept)))"
    )

    def label(self, cohort: Cohort) -> Cohort:
        """Refuse a cohort of several classes.

        Raises:
            InputError: It has some.
        """
        if cohort.classes:
            raise InputError(
                f"data.classes: task={self.name} has two labels; add task=classes, or give "
                "data.negative and data.positive."
            )
        return cohort

    def logit_net(self, net: nn.Module) -> LogitNet:
        """Wrap a net in a `LogitNet`."""
        return LogitNet(net)

    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Wrap a net in a `Classifier`."""
        # Lightning takes a while to load, and prediction does not need it
        from lungcam.training.classifier import Classifier

        return Classifier(net, **options)

    def fit(self, val: Predictions, *, train: SplitSamples) -> Fit:
        """Fit Platt scaling, the threshold by Youden's index, and the clinical baseline."""
        known = val.labelled
        applied = train.of_folds or platt_helps(known.labels, known.logits)
        calibration = fit_platt(known.labels, known.logits) if applied else Calibration()
        fit = self._with_threshold(val, calibration, applied=applied)
        # unlabelled samples may be trained on for their outlines
        labelled = [sample for sample in train.samples if sample.label is not None]
        train = replace(train, samples=labelled)
        clinical = fit_logistic(train.person, train.labels) if train.person else None
        return fit if clinical is None else fit | {CLINICAL: asdict(clinical)}

    def carried(self, fit: Fit) -> dict[str, Any]:
        """Return threshold and calibration, with their rules, under the keys of all versions."""
        return {
            "threshold": fit["threshold"],
            "threshold_rule": self.rules["threshold"],
            "calibration": {**fit["calibration"], "rule": self.rules["calibration"]},
        }

    def read_fit(self, metadata: Mapping[str, Any]) -> Fit:
        """Read threshold and calibration; a run that is not finished has neither."""
        keys = ("threshold", "calibration")
        return {key: metadata[key] for key in keys if metadata.get(key) is not None}

    def reported(self, fit: Fit) -> dict[str, Any]:
        """Return slope and intercept of the calibration."""
        return {
            "calibration": {
                name: fit["calibration"][name] for name in ("slope", "intercept", "applied")
            }
        }

    def metrics(self, predictions: Predictions, *, fit: Fit, seed: int) -> dict[str, Any]:
        """Compute discrimination, figures at the threshold, and calibration before and after."""
        labelled = calibrated(predictions, fit).labelled
        raw = Calibration().probability(labelled.logits)
        return labelled.summarise(threshold=fit["threshold"], seed=seed) | {
            "brier_uncalibrated": brier(labelled.labels, raw),
            "ece_uncalibrated": expected_calibration_error(labelled.labels, raw),
        }

    def write_tables(self, folder: Path, splits: Mapping[str, Predictions], *, fit: Fit) -> None:
        """Write predictions.csv."""
        labelled = {name: calibrated(split, fit).labelled for name, split in splits.items()}
        write_predictions(folder / "predictions.csv", labelled)

    def draw(
        self, test: Predictions, *, fit: Fit, metrics: Mapping[str, Any]
    ) -> dict[str, "Figure"]:
        """Draw ROC and precision-recall curve, reliability diagram and histogram."""
        # matplotlib takes a while to load, and nothing before the training's end needs it
        from lungcam.report.classification_figures import (
            draw_histogram,
            draw_precision_recall,
            draw_reliability,
            draw_roc,
        )
        from lungcam.report.figure import SplitResults

        labelled = calibrated(test, fit).labelled
        results = SplitResults(
            split="test",
            labels=labelled.labels,
            uncalibrated=Calibration().probability(labelled.logits),
            probabilities=labelled.probabilities,
            patients=labelled.patients,
            baselines=labelled.baselines,
            metrics=metrics["test"],
            label_rule=metrics["label_rule"],
            seed=metrics["seed"],
        )
        return {
            "roc": draw_roc(results),
            "precision_recall": draw_precision_recall(results),
            "reliability": draw_reliability(results),
            "histogram": draw_histogram(results),
        }

    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Name the AUC, the baselines and the calibration."""
        test = metrics["test"]
        return [
            f"test AUC {with_interval(test['auc'], test['auc_ci95'])}; "
            f"{test['n']} scans, {test['n_positive']} positive",
            f"  label rule: {metrics['label_rule']}",
            *(f"  {line}" for line in baseline_lines(test["against_baselines"])),
            f"  calibration: {_calibration_line(test, applied=metrics['calibration']['applied'])}",
        ]

    def examples(self, test: Predictions, *, fit: Fit) -> Examples:
        """Choose samples of either label by their probability; see `select_samples`."""
        # montage loads matplotlib
        from lungcam.report.figure import counts_text
        from lungcam.report.montage import select_samples

        labelled = calibrated(test, fit).labelled
        labels, probabilities = labelled.labels, labelled.probabilities
        threshold = fit["threshold"]
        cases = []
        for title, row in extremes(labels, probabilities, threshold=threshold):
            if row is None:
                cases.append(Case(title=title))
                continue
            sample = labelled.samples[row]
            facts = sample_facts(
                sample,
                ("Probability", f"{probabilities[row]:.3f}, called from {threshold:.3f}"),
                ("Label", f"{sample.label}: {sample.label_source}"),
            )
            cases.append(Case(title=title, row=row, facts=facts))
        counts = {
            "n": len(labels),
            "n_positive": int(labels.sum()),
            "n_patients": len(np.unique(labelled.patients)),
        }
        wrong, more = wrong_answers(labels, probabilities, threshold=threshold)
        return Examples(
            rule="highest, middle and lowest probability of either class; "
            f"{counts_text('test', counts)}",
            shown=[
                _example(row, words, labelled=labelled)
                for row, words in select_samples(labels, probabilities)
            ],
            cases=cases,
            errors=[_example(row, kind, labelled=labelled) for row, kind in wrong],
            more_errors=more,
        )

    def run_figures(self, metrics: Mapping[str, Any]) -> RunFigures:
        """Make the figures of the AUC, the metrics and the baselines."""
        return binary_figures(metrics)

    def pool(self, seeds: Sequence[Sequence[Path]], *, label_rule: str, seed: int) -> Pooled:
        """Pool the folds over calibrated logits of label 1."""
        return pool_labels(seeds, label_rule=label_rule, seed=seed)

    def prediction(self, logits: np.ndarray, fit: Fit) -> dict[str, Any]:
        """Return probability and logit of label 1, and the label by the threshold."""
        logit = float(logits.flat[-1])
        probability = float(calibration_of(fit).probability(logit))
        threshold = fit.get("threshold", DEFAULT_THRESHOLD)
        return {
            "probability": round(probability, 6),
            "logit": logit,
            "label": int(probability >= threshold),
            "threshold": threshold,
            "calibrated": is_calibrated(fit),
        }

    def measure(
        self, samples: Sequence[Sample], records: Sequence[Mapping[str, Any]], *, fit: Fit
    ) -> dict[str, Any] | None:
        """Compute the figures of label 1 over the scans with a label."""
        rows = [row for row, sample in enumerate(samples) if sample.label is not None]
        if not rows:
            return None
        predictions = Predictions(
            samples=[samples[row] for row in rows],
            logits=np.array([records[row]["logit"] for row in rows]),
            calibration=calibration_of(fit),
        )
        return {
            "test": predictions.summarise(threshold=fit.get("threshold", DEFAULT_THRESHOLD)),
            "rules": RULES,
            "calibrated": is_calibrated(fit),
        }

    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put the probability into a line."""
        return [f"{self.answer(prediction)} ({prediction['label_rule']})"]

    def answer(self, prediction: Mapping[str, Any]) -> str:
        """Return the probability of label 1."""
        return f"probability {prediction['probability']:.3f}"

    def _with_threshold(
        self, val: Predictions, calibration: Calibration, *, applied: bool = True
    ) -> Fit:
        labelled = val.calibrated(calibration).labelled
        return {
            "calibration": {
                **asdict(calibration),
                "n": len(labelled.labels),
                "n_positive": int(labelled.labels.sum()),
                "applied": applied,
            },
            "threshold": youden_threshold(labelled.labels, labelled.probabilities),
        }


def _example(row: int, words: str, *, labelled: Predictions) -> Example:
    answer = f"p = {labelled.probabilities[row]:.3f}, label {labelled.samples[row].label}"
    name = labelled.samples[row].sample_id
    return Example(row=row, words=words, answer=answer, name=name)


def calibration_of(fit: Fit) -> Calibration:
    """Return the calibration of a fit; one that changes nothing for a run without."""
    values = fit.get("calibration")
    return Calibration(values["slope"], values["intercept"]) if values else Calibration()


def is_calibrated(fit: Fit) -> bool:
    """Return True if probabilities are calibrated."""
    values = fit.get("calibration")
    return bool(values) and values.get("applied", True)


def calibrated(predictions: Predictions, fit: Fit) -> Predictions:
    """Return predictions with the calibration of a fit."""
    clinical = LogisticScore(**fit[CLINICAL]) if CLINICAL in fit else None
    return replace(predictions.calibrated(calibration_of(fit)), clinical=clinical)


def _calibration_line(figures: Mapping[str, Any], *, applied: bool) -> str:
    if not applied:
        return (
            f"not applied, since it would make validation's probabilities worse; they are off by "
            f"{figures['ece']:.3f} on average (ECE); Brier score {figures['brier']:.3f}"
        )
    return (
        f"probabilities are off by {figures['ece']:.3f} on average (ECE), "
        f"{figures['ece_uncalibrated']:.3f} before; Brier score {figures['brier']:.3f}, "
        f"{figures['brier_uncalibrated']:.3f} before"
    )
