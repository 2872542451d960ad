"""Number: a quantity such as a diameter, learnt with the Huber loss of standardised numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from lungcam.cohorts import Cohort, Quantity, Sample
from lungcam.data.strata import Lack, Strata
from lungcam.errors import InputError
from lungcam.metrics import COVERAGE, NUMBER_RULES, conformal_margin, fit_line, summarise_numbers
from lungcam.metrics.numbers import Line
from lungcam.nets import LogitNet, NumberNet
from lungcam.report.number_tables import number_figures, number_section
from lungcam.report.page import Html
from lungcam.report.run_figures import RunFigures
from lungcam.tasks.examples import Examples
from lungcam.tasks.number_predictions import number_examples, number_lines, pool_numbers
from lungcam.tasks.pooling import Pooled
from lungcam.tasks.predictions import Predictions, SplitSamples, write_answers
from lungcam.tasks.task import Fit, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lungcam.training.classifier import Classifier

DIAMETER = Quantity("diameter", "mm")
# of a table's column, which may be the target itself
DIAMETER_NAMES = ("diameter", "diameter_mm")
# patients of a third of the numbers below which a split does not regard thirds
FEW_PATIENTS = 10
THIRDS = ("lowest", "middle", "highest")
LOSS_RULE = (
    "Huber loss of numbers in standard deviations from the training split's mean, linear from one "
    "standard deviation on; mean and standard deviation are stored with the weights"
)


@dataclass(frozen=True)
class Number(Task):
    """Predict a number: the table's column of numbers, or the lesion's diameter.

    Attributes:
        quantity: Name and unit of the number.
    """

    quantity: Quantity = DIAMETER

    name: ClassVar = "number"
    uses_unlabelled: ClassVar = True
    score: ClassVar = "r2"
    rules: ClassVar = NUMBER_RULES | {"loss": LOSS_RULE}
    figure_titles: ClassVar = {"scatter": "Predicted over true", "agreement": "Agreement"}
    columns: ClassVar = ("number", "low", "high")
    record_keys: ClassVar = ("number", "interval")
    score_name = "R²"
    output: ClassVar = (
        "numbers (batch,) in task_state.unit; the prediction interval is fit.margin to either side"
    )

    # cohort

    def label(self, cohort: Cohort) -> Cohort:
        """Keep the samples with a number; labels are left out, since nothing uses them.

        Raises:
            InputError: No sample has a number.
        """
        quantity = cohort.quantity or DIAMETER
        samples = []
        for sample in cohort.samples:
            # a diameter of 0 says that there is no lesion
            number = sample.number if cohort.quantity else sample.diameter_mm or None
            if number is not None:
                samples.append(replace(sample, label=None, number=number))
        if not samples:
            raise InputError(
                "task=number: no sample has a number; name a column by data.columns.number, or "
                "give diameter_mm."
            )
        notes = list(cohort.notes)
        if len(samples) < len(cohort.samples):
            dropped = len(cohort.samples) - len(samples)
            notes.append(f"left out, since no {quantity.name} is known: {dropped} samples")
        source = "" if cohort.quantity else " of the lesion"
        rule = f"number: {quantity.title}{source}"
        return replace(
            cohort, samples=samples, label_rule=rule, notes=notes, quantity=quantity, classes=()
        )

    def of(self, cohort: Cohort) -> "Number":
        """Return the task with the cohort's quantity."""
        return Number(cohort.quantity)

    @property
    def state(self) -> dict[str, Any]:
        """Name and unit of the number."""
        return {"quantity": self.quantity.name, "unit": self.quantity.unit}

    def restored(self, state: Mapping[str, Any]) -> "Number":
        """Return the task with the quantity of a run."""
        if not all(isinstance(state.get(key), str) for key in ("quantity", "unit")):
            raise InputError("it does not name its quantity; train again.")
        return Number(Quantity(state["quantity"], state["unit"]))

    def strata(self, samples: Sequence[Sample]) -> Strata:
        """Return the thirds of the numbers; a single group of few patients."""
        numbers = numbers_of(samples)
        bounds = np.quantile(numbers, [1 / 3, 2 / 3])
        highest: dict[str, int] = {}
        for sample, third in zip(samples, np.searchsorted(bounds, numbers), strict=True):
            highest[sample.patient_id] = max(highest.get(sample.patient_id, 0), int(third))
        counts = np.bincount(list(highest.values()), minlength=len(THIRDS))
        if counts.min() < FEW_PATIENTS:
            return Strata((f"a {self.quantity.name}",), lambda sample: 0)
        return Strata(
            [f"a {self.quantity.name} in the {third} third" for third in THIRDS],
            lambda sample: int(np.searchsorted(bounds, sample.number)),
        )

    def lack(self, samples: Sequence[Sample]) -> Lack | None:
        """Ask for two different numbers."""
        if len({sample.number for sample in samples}) > 1:
            return None
        return Lack(
            f"{len(samples)} samples with one {self.quantity.name} are left",
            "samples with different numbers",
        )

    # training

    def targets(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """Return `number`, `(N,)` float32."""
        return {"number": numbers_of(samples).astype(np.float32)}

    def logit_net(self, net: nn.Module) -> LogitNet:
        """Wrap a net in a `NumberNet`."""
        return NumberNet(net)

    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Wrap a net in a `NumberRegressor`."""
        # Lightning takes a while to load, and prediction does not need it
        from lungcam.training.number_regressor import NumberRegressor

        return NumberRegressor(net, **options)

    def initialise(self, classifier: LogitNet, samples: Sequence[Sample]) -> None:
        """Store mean and standard deviation of the training split with the weights."""
        numbers = numbers_of(samples)
        with torch.no_grad():
            classifier.mean.fill_(float(numbers.mean()))
            classifier.spread.fill_(float(numbers.std()))

    def evidence(self, net: LogitNet, logits: np.ndarray | None = None) -> str:
        """Name the number that heat-maps show to be raised."""
        return f"a larger {self.quantity.name}"

    @property
    def map_unit(self) -> str:
        """Unit of the number."""
        return self.quantity.unit or self.quantity.name

    # evaluation

    def fit(self, val: Predictions, *, train: SplitSamples) -> Fit:
        """Fit the prediction interval to the validation split, and baselines to the training."""
        numbers = numbers_of(train.samples)
        lines = {name: fit_line(scores, numbers) for name, scores in self._scores(train).items()}
        return {
            "margin": conformal_margin(val.logits - numbers_of(val.samples)),
            "coverage": COVERAGE,
            "n": len(val.samples),
            "train_mean": float(numbers.mean()),
            "lines": {
                name: [line.slope, line.intercept]
                for name, line in lines.items()
                if line is not None
            },
        }

    def read_fit(self, metadata: Mapping[str, Any]) -> Fit:
        """Read the fit of a checkpoint, and refuse one that is damaged."""
        fit = super().read_fit(metadata)
        try:
            margin = fit["margin"] if fit else None
            is_whole = margin is None or 0 <= float(margin) < float("inf")
            if fit and not (is_whole and 0 < float(fit["coverage"]) < 1):
                raise ValueError
        except (LookupError, TypeError, ValueError) as error:
            raise InputError("its prediction interval is damaged; train again.") from error
        return fit

    def metrics(self, predictions: Predictions, *, fit: Fit, seed: int) -> dict[str, Any]:
        """Compute errors, correlation, agreement, coverage and the comparison with baselines."""
        predicted, margin = predictions.logits.astype(float), fit.get("margin")
        scores = self._scores(predictions)
        baselines = {"mean": np.full(len(predicted), fit["train_mean"])} if fit else {}
        for name, (slope, intercept) in fit.get("lines", {}).items():
            if name in scores:
                baselines[name] = Line(slope, intercept)(scores[name])
        figures = summarise_numbers(
            numbers_of(predictions.samples),
            predicted,
            patients=predictions.patients,
            baselines=baselines,
            bounds=None if margin is None else (predicted - margin, predicted + margin),
            seed=seed,
        )
        return figures | ({"train_mean": fit["train_mean"]} if fit else {})

    def write_tables(self, folder: Path, splits: Mapping[str, Predictions], *, fit: Fit) -> None:
        """Write predictions.csv."""
        answers = {
            split: [
                {"true": sample.number} | self.row(self.prediction(logit, fit))
                for sample, logit in zip(predictions.samples, predictions.logits, strict=True)
            ]
            for split, predictions in splits.items()
        }
        columns = ("true", *self.columns)
        write_answers(folder / "predictions.csv", splits, columns=columns, answers=answers)

    def draw(
        self, test: Predictions, *, fit: Fit, metrics: Mapping[str, Any]
    ) -> dict[str, "Figure"]:
        """Draw predicted over true numbers, and their agreement."""
        from lungcam.report.number_figures import NumberResults, draw_agreement, draw_scatter

        results = NumberResults(
            split="test",
            true=numbers_of(test.samples),
            predicted=test.logits.astype(float),
            margin=fit["margin"],
            title=self.quantity.title,
            metrics=metrics["test"],
            label_rule=metrics["label_rule"],
        )
        return {"scatter": draw_scatter(results), "agreement": draw_agreement(results)}

    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Name errors, baselines, agreement and coverage."""
        return number_lines(
            metrics["test"], metrics["label_rule"], unit=self.quantity.unit, where="test "
        )

    def examples(self, test: Predictions, *, fit: Fit) -> Examples:
        """Choose the largest errors to either side, and good answers over the range."""
        return number_examples(test.samples, test.logits.astype(float), unit=self.quantity.unit)

    def run_figures(self, metrics: Mapping[str, Any]) -> RunFigures:
        """Make the figures of a run's page."""
        return number_figures(metrics, title=self.quantity.title, unit=self.quantity.unit)

    def pool(self, seeds: Sequence[Sequence[Path]], *, label_rule: str, seed: int) -> Pooled:
        """Pool the folds over their numbers."""
        return pool_numbers(
            seeds, unit=self.quantity.unit, score=self.score, label_rule=label_rule, seed=seed
        )

    # inference

    def prediction(self, logits: np.ndarray, fit: Fit) -> dict[str, Any]:
        """Return the number, its unit and its prediction interval."""
        number, margin = float(logits), fit.get("margin")
        answer: dict[str, Any] = {"quantity": self.quantity.name, "number": round(number, 6)}
        if self.quantity.unit:
            answer["unit"] = self.quantity.unit
        if margin is None:
            return answer | {"interval": None}
        bounds = [round(number - margin, 6), round(number + margin, 6)]
        return answer | {"interval": bounds, "coverage": fit["coverage"]}

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the number and the bounds of its interval."""
        low, high = record["interval"] or (None, None)
        return {"number": record["number"], "low": low, "high": high}

    def measure(
        self, samples: Sequence[Sample], records: Sequence[Mapping[str, Any]], *, fit: Fit
    ) -> dict[str, Any] | None:
        """Compute the figures over the scans with a number."""
        pairs = [
            (replace(sample, number=number), record["number"])
            for sample, record in zip(samples, records, strict=True)
            if (number := self._true_number(sample)) is not None
        ]
        if not pairs:
            return None
        predictions = Predictions(
            samples=[sample for sample, _ in pairs], logits=np.array([n for _, n in pairs])
        )
        return {"test": self.metrics(predictions, fit=fit, seed=0), "rules": self.rules}

    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put the number and its interval into a line."""
        line = self.answer(prediction)
        if prediction["interval"]:
            low, high = prediction["interval"]
            line += f" ({prediction['coverage']:.0%} interval {low:.2f} to {high:.2f})"
        return [line]

    def answer(self, prediction: Mapping[str, Any]) -> str:
        """Return the number and its unit."""
        number = f"{self.quantity.name} {prediction['number']:.2f}"
        return f"{number} {self.quantity.unit}".strip()

    def prediction_section(self, prediction: Mapping[str, Any]) -> Html:
        """Show the number and its interval."""
        return number_section(prediction, title=self.quantity.name)

    def _true_number(self, sample: Sample) -> float | None:
        if sample.number is None and self.quantity.name in DIAMETER_NAMES:
            return sample.diameter_mm or None
        return sample.number

    def _scores(self, samples: SplitSamples) -> dict[str, np.ndarray]:
        """Return the scores that need no network, without the number itself."""
        scores = samples.baselines
        own = DIAMETER_NAMES if self.quantity.name in DIAMETER_NAMES else (self.quantity.name,)
        return {name: values for name, values in scores.items() if name not in own}


def numbers_of(samples: Sequence[Sample]) -> np.ndarray:
    """Return the samples' numbers, `(N,)` float64."""
    return np.array([sample.number for sample in samples], float)
