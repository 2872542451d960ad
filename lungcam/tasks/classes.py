"""Classes: a logit for each of several exclusive classes, learnt with softmax cross-entropy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.table.classes import file_name
from lungcam.data.strata import Lack, Strata
from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.metrics import CLASS_RULES, Temperature, fit_temperature, summarise_classes
from lungcam.metrics.classes import baseline_signs, confidence_error, multiclass_brier
from lungcam.nets import ClassNet, LogitNet, add_classes, class_head
from lungcam.report.class_tables import class_figures, probabilities_table
from lungcam.report.page import Html
from lungcam.report.run_figures import RunFigures
from lungcam.tasks.class_predictions import (
    class_answers,
    class_columns,
    class_examples,
    class_lines,
    pool_classes,
)
from lungcam.tasks.examples import Examples
from lungcam.tasks.pooling import Pooled
from lungcam.tasks.predictions import Predictions, SplitSamples, write_answers
from lungcam.tasks.task import Fit, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lungcam.training.classifier import Classifier


@dataclass(frozen=True)
class Classes(Task):
    """Tell several exclusive classes apart, those of `data.classes`.

    Attributes:
        names: Names of the classes, in order; empty before a cohort is known.
    """

    names: tuple[str, ...] = ()

    name: ClassVar = "classes"
    score: ClassVar = "auc_macro"
    rules: ClassVar = CLASS_RULES
    figure_titles: ClassVar = {
        "confusion": "Confusion matrix",
        "roc": "ROC curve of each class against the others",
        "reliability": "Reliability of the called class",
    }
    record_keys: ClassVar = ("class", "probabilities", "logits")
    map_unit: ClassVar = "the logit"
    score_name: ClassVar = "macro AUC"
    output: ClassVar = (
        "logits (batch, classes), in the order of task_state.classes; probabilities = "
        "softmax(logits / fit.calibration.temperature)"
    )

    # cohort

    def label(self, cohort: Cohort) -> Cohort:
        """Refuse a cohort without classes.

        Raises:
            InputError: It has none.
        """
        if not cohort.classes:
            raise InputError(
                "task=classes: name the classes, such as data=table data.table=FILE.csv "
                "data.classes=[benign,adenocarcinoma,squamous]."
            )
        return cohort

    def of(self, cohort: Cohort) -> "Classes":
        """Return the task with the cohort's classes."""
        return Classes(tuple(cohort.classes))

    @property
    def state(self) -> dict[str, Any]:
        """Names of the classes."""
        return {"classes": list(self.names)}

    def restored(self, state: Mapping[str, Any]) -> "Classes":
        """Return the task with the classes of a run."""
        names = state.get("classes")
        if not isinstance(names, list) or len(names) < 2:
            raise InputError("it does not name its classes; train again.")
        return Classes(tuple(map(str, names)))

    def strata(self, samples: Sequence[Sample]) -> Strata:
        """Return the classes; a patient with several counts to the last."""
        return Strata([f"class {name}" for name in self.names], lambda sample: int(sample.label))

    def lack(self, samples: Sequence[Sample]) -> Lack | None:
        """Name the classes without a sample."""
        labels = {sample.label for sample in samples}
        missing = [name for number, name in enumerate(self.names) if number not in labels]
        if not missing:
            return None
        return Lack(f"no sample of class {', '.join(missing)} is left", "samples of every class")

    # training

    def logit_net(self, net: nn.Module) -> LogitNet:
        """Widen a net's last layer, and wrap the net in a `ClassNet`."""
        return ClassNet(self._widened(net))

    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Widen a net's last layer, and wrap the net in a `ClassClassifier`."""
        # Lightning takes a while to load, and prediction does not need it
        from lungcam.training.class_classifier import ClassClassifier

        return ClassClassifier(self._widened(net), **options)

    def initialise(self, classifier: LogitNet, samples: Sequence[Sample]) -> None:
        """Start from the training split's share of each class."""
        counts = self._counts(samples)
        with torch.no_grad():
            shares = torch.as_tensor((counts + 1) / (counts.sum() + len(counts)))
            class_head(classifier.net).bias.copy_(shares.log())

    def choose(self, net: LogitNet, name: str | None) -> None:
        """Explain a class of this name, or else the called one."""
        if name is not None and name not in self.names:
            raise InputError(f"explain.class_name={name}: choose {', '.join(self.names)}, or null.")
        net.chosen = None if name is None else self.names.index(name)

    def evidence(self, net: LogitNet, logits: np.ndarray | None = None) -> str:
        """Name the class that is explained."""
        explained = net.chosen
        if explained is None and logits is None:
            return "the called class, compared with all others"
        explained = int(logits.argmax()) if explained is None else explained
        return f"class {self.names[explained]}, compared with all others"

    # evaluation

    def fit(self, val: Predictions, *, train: SplitSamples) -> Fit:
        """Fit the temperature, and take the majority from the training split."""
        temperature = fit_temperature(val.labels, val.logits).temperature
        return {
            "calibration": {"temperature": temperature, "n": len(val.labels)},
            "majority": int(self._counts(train.samples).argmax()),
            "signs": {
                name: baseline_signs(train.labels, scores, count=len(self.names))
                for name, scores in train.baselines.items()
            },
        }

    def read_fit(self, metadata: Mapping[str, Any]) -> Fit:
        """Read the fit of a checkpoint, and refuse one that is damaged."""
        fit = super().read_fit(metadata)
        try:
            temperature_of(fit)
        except (LookupError, TypeError, ValueError) as error:
            raise InputError("its calibration is no temperature above 0; train again.") from error
        return fit

    def metrics(self, predictions: Predictions, *, fit: Fit, seed: int) -> dict[str, Any]:
        """Compute accuracies, AUCs and calibration, before and after."""
        probabilities = temperature_of(fit).probability(predictions.logits)
        return self._figures(predictions, probabilities, fit=fit, seed=seed)

    def write_tables(self, folder: Path, splits: Mapping[str, Predictions], *, fit: Fit) -> None:
        """Write predictions.csv."""
        temperature = temperature_of(fit)
        answers = {
            split: class_answers(
                self.names,
                labels=predictions.labels,
                probabilities=temperature.probability(predictions.logits),
                logits=predictions.logits,
            )
            for split, predictions in splits.items()
        }
        columns = ("label", *class_columns(self.names))
        write_answers(folder / "predictions.csv", splits, columns=columns, answers=answers)

    def draw(
        self, test: Predictions, *, fit: Fit, metrics: Mapping[str, Any]
    ) -> dict[str, "Figure"]:
        """Draw the confusion matrix, the ROC curves one-vs-rest and the reliability diagram."""
        from lungcam.report.class_figures import (
            ClassResults,
            draw_class_reliability,
            draw_class_roc,
            draw_confusion,
        )

        results = ClassResults(
            split="test",
            names=self.names,
            labels=test.labels,
            uncalibrated=Temperature().probability(test.logits),
            probabilities=temperature_of(fit).probability(test.logits),
            metrics=metrics["test"],
            label_rule=metrics["label_rule"],
        )
        return {
            "confusion": draw_confusion(results),
            "roc": draw_class_roc(results),
            "reliability": draw_class_reliability(results),
        }

    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Name accuracies, AUCs, baselines and calibration."""
        return class_lines(metrics["test"], metrics["label_rule"], where="test ")

    def examples(self, test: Predictions, *, fit: Fit) -> Examples:
        """Choose for each class the surest right and the surest wrong answer."""
        probabilities = temperature_of(fit).probability(test.logits)
        return class_examples(self.names, test.samples, probabilities=probabilities)

    def run_figures(self, metrics: Mapping[str, Any]) -> RunFigures:
        """Make the figures of a run's page."""
        return class_figures(metrics, self.names)

    def pool(self, seeds: Sequence[Sequence[Path]], *, label_rule: str, seed: int) -> Pooled:
        """Pool the folds over the logarithms of calibrated probabilities."""
        return pool_classes(seeds, self.names, score=self.score, label_rule=label_rule, seed=seed)

    # inference

    @property
    def columns(self) -> Sequence[str]:
        """Called class, and probability and logit of each."""
        return class_columns(self.names)

    def prediction(self, logits: np.ndarray, fit: Fit) -> dict[str, Any]:
        """Return the called class, and probability and logit of each."""
        probabilities = temperature_of(fit).probability(logits)
        named = zip(self.names, probabilities, logits, strict=True)
        answers = [(name, round(float(p), 6), float(logit)) for name, p, logit in named]
        return {
            "class": self.names[int(logits.argmax())],
            "probabilities": {name: probability for name, probability, _ in answers},
            "logits": {name: logit for name, _, logit in answers},
            "calibrated": "calibration" in fit,
        }

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return called class, probabilities and logits."""
        answer = {"class": record["class"]}
        for kind in ("probability", "logit"):
            values = record["probabilities" if kind == "probability" else "logits"]
            answer |= {f"{kind}_{name}": values[name] for name in self.names}
        return answer

    def measure(
        self, samples: Sequence[Sample], records: Sequence[Mapping[str, Any]], *, fit: Fit
    ) -> dict[str, Any] | None:
        """Compute the figures over the scans with a class."""
        rows = [row for row, sample in enumerate(samples) if sample.label is not None]
        if not rows:
            return None
        predictions = Predictions(
            samples=[samples[row] for row in rows],
            logits=np.array(
                [[records[row]["logits"][name] for name in self.names] for row in rows]
            ),
        )
        probabilities = temperature_of(fit).probability(predictions.logits)
        figures = self._figures(predictions, probabilities, fit=fit, seed=0)
        return {"test": figures, "rules": self.rules, "calibrated": "calibration" in fit}

    def maps(
        self, classifier: LogitNet, explain: Callable[[], HeatMap]
    ) -> Iterator[tuple[str, HeatMap]]:
        """Explain each class against all others."""
        for number, name in enumerate(self.names):
            with classifier.choose(number):
                yield file_name(name), explain()

    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put the called class and all probabilities into a line."""
        probabilities = prediction["probabilities"]
        each = ", ".join(f"{name} {value:.3f}" for name, value in probabilities.items())
        return [f"class {prediction['class']}: {each} ({prediction['label_rule']})"]

    def answer(self, prediction: Mapping[str, Any]) -> str:
        """Return the called class and its probability."""
        called = prediction["class"]
        return f"class {called}, {prediction['probabilities'][called]:.3f}"

    def prediction_section(self, prediction: Mapping[str, Any]) -> Html:
        """Show called class and probabilities."""
        return probabilities_table(prediction)

    def _widened(self, net: nn.Module) -> nn.Module:
        """Let a net answer for each class.

        Raises:
            InputError: Its logit comes from no linear layer.
        """
        try:
            return add_classes(net, len(self.names))
        except ValueError as error:
            raise InputError(f"{error}; choose another for task=classes.") from error

    def _counts(self, samples: Sequence[Sample]) -> np.ndarray:
        labels = [sample.label for sample in samples if sample.label is not None]
        return np.bincount(labels, minlength=len(self.names))

    def _figures(
        self, predictions: Predictions, probabilities: np.ndarray, *, fit: Fit, seed: int
    ) -> dict[str, Any]:
        raw = Temperature().probability(predictions.logits)
        return summarise_classes(
            predictions.labels,
            probabilities,
            names=self.names,
            patients=predictions.patients,
            majority=fit.get("majority"),
            baselines={
                name: np.outer(scores, fit["signs"][name])
                for name, scores in predictions.baselines.items()
                if name in fit.get("signs", {})
            },
            seed=seed,
        ) | {
            "brier_uncalibrated": multiclass_brier(predictions.labels, raw),
            "ece_uncalibrated": confidence_error(predictions.labels, raw),
        }


def temperature_of(fit: Fit) -> Temperature:
    """Return the calibration of a fit; one that changes nothing for a run without."""
    values = fit.get("calibration")
    return Temperature(float(values["temperature"])) if values else Temperature()
