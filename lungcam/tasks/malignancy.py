"""Malignancy: one logit for label 1, learnt with binary cross-entropy."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from lungcam.metrics import (
    CALIBRATION_RULE,
    RULES,
    Calibration,
    brier,
    expected_calibration_error,
    fit_platt,
    youden_threshold,
)
from lungcam.metrics.summary import p_value, with_interval
from lungcam.nets import LogitNet
from lungcam.tasks.predictions import Predictions, write_predictions
from lungcam.tasks.task import Fit, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lungcam.training.classifier import Classifier

THRESHOLD_RULE = "Youden's index on the validation split, of calibrated probabilities"


class Malignancy(Task):
    """Tell label 1 from label 0, whatever the cohort's label rule calls positive."""

    name = "malignancy"
    rules = RULES | {"threshold": THRESHOLD_RULE, "calibration": CALIBRATION_RULE}
    figure_titles: ClassVar = {
        "roc": "ROC curve",
        "precision_recall": "Precision over recall",
        "reliability": "Reliability diagram",
        "histogram": "Probabilities by class",
    }

    def logit_net(self, net: nn.Module) -> LogitNet:
        """Wrap a net in a `LogitNet`."""
        return LogitNet(net)

    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Wrap a net in a `Classifier`."""
        # Lightning takes a while to load, and prediction does not need it
        from lungcam.training.classifier import Classifier

        return Classifier(net, **options)

    def fit(self, val: Predictions) -> Fit:
        """Fit Platt scaling, and the threshold by Youden's index."""
        return self._with_threshold(val, fit_platt(val.labels, val.logits))

    def metrics(self, predictions: Predictions, *, threshold: float, seed: int) -> dict[str, Any]:
        """Compute discrimination, figures at the threshold, and calibration before and after."""
        labelled = predictions.labelled
        raw = Calibration().probability(labelled.logits)
        return labelled.summarise(threshold=threshold, seed=seed) | {
            "brier_uncalibrated": brier(labelled.labels, raw),
            "ece_uncalibrated": expected_calibration_error(labelled.labels, raw),
        }

    def write_tables(self, folder: Path, splits: Mapping[str, Predictions]) -> None:
        """Write predictions.csv."""
        labelled = {name: predictions.labelled for name, predictions in splits.items()}
        write_predictions(folder / "predictions.csv", labelled)

    def draw(self, test: Predictions, metrics: Mapping[str, Any]) -> dict[str, "Figure"]:
        """Draw ROC and precision-recall curve, reliability diagram and histogram."""
        # matplotlib takes a while to load, and nothing before the training's end needs it
        from lungcam.report.classification_figures import (
            draw_histogram,
            draw_precision_recall,
            draw_reliability,
            draw_roc,
        )
        from lungcam.report.figure import SplitResults

        labelled = test.labelled
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
            f"  calibration: {_calibration_line(test)}",
        ]

    @staticmethod
    def _with_threshold(val: Predictions, calibration: Calibration) -> Fit:
        labelled = val.calibrated(calibration).labelled
        return Fit(calibration, youden_threshold(labelled.labels, labelled.probabilities))


def baseline_lines(comparisons: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Put each baseline's AUC, and the net's difference to it, into a line.

    Args:
        comparisons: `against_baselines` of metrics.json.
    """
    lines = []
    for name, comparison in comparisons.items():
        if comparison["difference"] is None:
            continue
        difference = with_interval(
            comparison["difference"], comparison["difference_ci95"], sign="+"
        )
        lines.append(
            f"baseline: {name} alone has AUC {comparison['baseline_auc']:.3f}; net less baseline "
            f"{difference}, {p_value(comparison['p'])}, n = {comparison['n']}"
        )
    return lines


def _calibration_line(figures: Mapping[str, Any]) -> str:
    return (
        f"probabilities are off by {figures['ece']:.3f} on average (ECE), "
        f"{figures['ece_uncalibrated']:.3f} before; Brier score {figures['brier']:.3f}, "
        f"{figures['brier_uncalibrated']:.3f} before"
    )
