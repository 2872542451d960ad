"""Contract of a task: everything that depends on the question a net is trained to answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.explain import Explainer, HeatMap
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet
from lungcam.report.page import Html
from lungcam.tasks.predictions import Predictions

if TYPE_CHECKING:
    # Lightning and matplotlib take a while to load, and prediction needs neither
    from matplotlib.figure import Figure

    from lungcam.data.datamodule import ScanDataModule
    from lungcam.training.classifier import Classifier


@dataclass(frozen=True)
class Fit:
    """Values fitted to the validation split and carried by the checkpoint.

    Attributes:
        calibration: From logit to probability.
        threshold: Calibrated probability from which a sample is called positive.
    """

    calibration: Calibration
    threshold: float


class Task(ABC):
    """A question, with the targets, net, metrics, tables, figures and report parts that answer it.

    A net gives one logit or several to each scan; the last one is the logit of label 1, which is
    explained, thresholded and shown in the report. The rest of lungcam asks a task for its parts
    and never for its name. Methods that are not abstract add nothing unless they are overridden.

    Attributes:
        name: Name in `task=` and in checkpoints.
        uses_unlabelled: True if samples without a label are trained on and predicted too.
        rules: Sentences on how each figure is computed, for metrics.json; `threshold` and
            `calibration` are among them.
        figure_titles: Titles of the figures that `draw` returns, by name, in the report's order.
    """

    name: ClassVar[str]
    uses_unlabelled: ClassVar[bool] = False
    rules: ClassVar[Mapping[str, Any]]
    figure_titles: ClassVar[Mapping[str, str]]

    # training

    def label(self, cohort: Cohort) -> Cohort:
        """Return the cohort's samples that count, with the task's labels.

        Raises:
            InputError: No sample counts.
        """
        return cohort

    def targets(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """Return targets next to the label, `(N, ...)` each, by their names in a batch."""
        return {}

    @abstractmethod
    def logit_net(self, net: nn.Module) -> LogitNet:
        """Wrap a net for prediction, with the weights of `classifier` under the same names.

        Args:
            net: Net with one logit.

        Raises:
            InputError: The net cannot answer this task.
        """

    @abstractmethod
    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Wrap a net in the LightningModule that trains it.

        Args:
            net: Net with one logit.
            options: Keyword arguments of `Classifier`.

        Raises:
            InputError: The net cannot learn this task.
        """

    def initialise(self, classifier: LogitNet, samples: Sequence[Sample]) -> None:  # noqa: B027
        """Set initial weights from the training samples."""

    # evaluation

    @abstractmethod
    def fit(self, val: Predictions) -> Fit:
        """Fit calibration and threshold to the uncalibrated predictions of the validation split."""

    @abstractmethod
    def metrics(self, predictions: Predictions, *, threshold: float, seed: int) -> dict[str, Any]:
        """Compute the figures of one split for metrics.json.

        Args:
            predictions: Calibrated predictions of all samples of the split.
            threshold: Operating threshold.
            seed: Seed of the bootstrap.
        """

    @abstractmethod
    def write_tables(self, folder: Path, splits: Mapping[str, Predictions]) -> None:
        """Write the calibrated predictions of all splits as CSV into the run folder."""

    @abstractmethod
    def draw(self, test: Predictions, metrics: Mapping[str, Any]) -> dict[str, "Figure"]:
        """Draw the figures of the test split.

        Args:
            test: Calibrated predictions of the test split.
            metrics: Content of metrics.json.

        Returns:
            Figures by the names in `figure_titles`.
        """

    @abstractmethod
    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Put the figures of the test split into lines for the console.

        Args:
            metrics: Content of metrics.json.
        """

    def erase(
        self,
        classifier: LogitNet,
        data: "ScanDataModule",
        *,
        explainer: Explainer,
        calibration: Calibration,
        folder: Path,
        seed: int,
    ) -> dict[str, dict[str, Any]]:
        """Predict the test split with its lesions erased, and write what changes as CSV.

        Args:
            classifier: Trained net in evaluation mode.
            data: Data module after `setup`.
            explainer: Makes the heat-maps.
            calibration: From logits to probabilities.
            folder: Run folder.
            seed: Seed of the bootstrap.

        Returns:
            Figures to add to those of the test split, by section.
        """
        return {}

    # inference

    def prediction(
        self, logits: np.ndarray, probability: Callable[[float], float]
    ) -> dict[str, Any]:
        """Return what prediction.json holds next to the probability of label 1.

        Args:
            logits: `()` or `(K,)` logits of one scan.
            probability: Calibrated probability of a logit.
        """
        return {}

    def maps(
        self, classifier: LogitNet, explain: Callable[[], HeatMap]
    ) -> Iterable[tuple[str, HeatMap]]:
        """Return heat-maps next to that of label 1, each with `NAME` of its heatmap_NAME.nii.gz.

        Args:
            classifier: Trained net in evaluation mode.
            explain: Explains the scan with the classifier as it is at the time of the call.
        """
        return ()

    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put what `prediction` returned into lines for the console.

        Args:
            prediction: Content of prediction.json.
        """
        return []

    def prediction_section(self, prediction: Mapping[str, Any]) -> Html:
        """Show what `prediction` returned in a scan's report.

        Args:
            prediction: Content of prediction.json.
        """
        return Html()
