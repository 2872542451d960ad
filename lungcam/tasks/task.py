"""Contract of a task: everything that depends on the question a net is trained to answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.data.strata import Lack, Strata, label_strata, missing_label
from lungcam.errors import InputError
from lungcam.explain import Explainer, HeatMap
from lungcam.nets import LogitNet
from lungcam.report.page import Html
from lungcam.report.run_figures import RunFigures, headline, metrics_table
from lungcam.tasks.examples import Examples, first_examples
from lungcam.tasks.pooling import Pooled, pool_scores
from lungcam.tasks.predictions import Predictions, SplitSamples

if TYPE_CHECKING:
    # Lightning and matplotlib take a while to load, and prediction needs neither
    from matplotlib.figure import Figure

    from lungcam.data.datamodule import ScanDataModule
    from lungcam.training.classifier import Classifier

# plain values that are fitted to the validation split and carried by the checkpoint
Fit = Mapping[str, Any]


class Task(ABC):
    """A question, with the targets, net, metrics, tables, figures and report parts that answer it.

    The rest of lungcam asks a task for its parts and never for its name. A task of your own
    overrides the abstract methods; all others have a plain answer. A task does not change: `of` and
    `restored` return another one.

    Attributes:
        name: Name in `task=` and in checkpoints.
        uses_unlabelled: True if samples without a label are trained on and predicted too.
        has_positive: True if label 1 is a lesion: it can then be searched for and erased, and
            heat-maps be judged by it (`explain.benchmark`).
        score: Key of the figure of a split that sweeps compare; the larger the better.
        rules: Sentences on how each figure is computed, for metrics.json.
        figure_titles: Titles of the figures that `draw` returns, by name, in the report's order.
        metric_titles: Key in the figures of a split, name and meaning of the metrics in the report.
        columns: Columns of predictions.csv of many scans; see `row`.
        record_keys: Keys of prediction.json that `row` and `measure` need.
        map_unit: Unit of the values of heat-maps.
        output: Shape and meaning of the net's output, for exported nets.
    """

    name: ClassVar[str]
    uses_unlabelled: ClassVar[bool] = False
    has_positive: ClassVar[bool] = False
    score: ClassVar[str]
    rules: ClassVar[Mapping[str, Any]]
    figure_titles: ClassVar[Mapping[str, str]] = {}
    metric_titles: ClassVar[Sequence[tuple[str, str, str]]] = ()
    columns: Sequence[str] = ()
    record_keys: Sequence[str] = ()
    map_unit: str = "the logit"
    output: str = "logits (batch,) or (batch, K)"

    # cohort

    def label(self, cohort: Cohort) -> Cohort:
        """Return the cohort's samples that count, with the task's labels.

        Raises:
            InputError: No sample counts.
        """
        return cohort

    def of(self, cohort: Cohort) -> "Task":
        """Return the task with what it takes from a cohort of `label`, such as names of classes."""
        return self

    @property
    def state(self) -> dict[str, Any]:
        """Plain values that it took from the cohort; metrics.json and the checkpoint carry them.

        `restored` takes them back.
        """
        return {}

    def restored(self, state: Mapping[str, Any]) -> "Task":
        """Return the task with a `state`.

        Raises:
            InputError: The state is not whole.
        """
        return self

    def strata(self, samples: Sequence[Sample]) -> Strata:
        """Return groups of the samples that every split receives in its share."""
        return label_strata(samples)

    def lack(self, samples: Sequence[Sample]) -> Lack | None:
        """Return what a split's samples lack; None if they can train and test a net."""
        return missing_label(samples)

    # training

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

    def choose(self, net: LogitNet, name: str | None) -> None:
        """Let heat-maps explain a class; None for the task's own choice.

        Raises:
            InputError: The task has no such class.
        """
        if name is not None:
            raise InputError(
                f"explain.class_name={name}: task={self.name} has no classes; leave it out."
            )

    def evidence(self, net: LogitNet, logits: np.ndarray | None = None) -> str:
        """Name what a heat-map shows evidence for.

        Args:
            net: The net that is explained.
            logits: `()` or `(K,)` logits of the scan; None for scans in general.
        """
        return "the positive class"

    # evaluation

    @abstractmethod
    def fit(self, val: Predictions, *, train: SplitSamples) -> Fit:
        """Fit what turns logits into answers, such as a calibration, and simple baselines.

        Args:
            val: Predictions of the validation split.
            train: Samples of the training split, for baselines.

        Returns:
            Plain values: numbers, text, lists and dicts.
        """

    def carried(self, fit: Fit) -> dict[str, Any]:
        """Return a fit as the checkpoint's metadata hold it; `read_fit` reads it back."""
        return {"fit": dict(fit)}

    def read_fit(self, metadata: Mapping[str, Any]) -> Fit:
        """Read a fit from a checkpoint's metadata; empty for a run that is not finished.

        Raises:
            InputError: It is damaged.
        """
        fit = metadata.get("fit", {})
        if not isinstance(fit, Mapping):
            raise InputError("what it fitted to validation is damaged; train again.")
        return fit

    def reported(self, fit: Fit) -> dict[str, Any]:
        """Return a fit as metrics.json holds it."""
        return {"fit": dict(fit)}

    @abstractmethod
    def metrics(self, predictions: Predictions, *, fit: Fit, seed: int) -> dict[str, Any]:
        """Compute the figures of one split for metrics.json, at least n, n_patients and the score.

        Args:
            predictions: Predictions of all samples of the split.
            fit: From `fit`.
            seed: Seed of the bootstrap.
        """

    @abstractmethod
    def write_tables(self, folder: Path, splits: Mapping[str, Predictions], *, fit: Fit) -> None:
        """Write the predictions of all splits as CSV into the run folder."""

    def draw(
        self, test: Predictions, *, fit: Fit, metrics: Mapping[str, Any]
    ) -> dict[str, "Figure"]:
        """Draw the figures of the test split.

        Args:
            test: Predictions of the test split.
            fit: From `fit`.
            metrics: Content of metrics.json.

        Returns:
            Figures by the names in `figure_titles`.
        """
        return {}

    @abstractmethod
    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Put the figures of the test split into lines for the console.

        Args:
            metrics: Content of metrics.json.
        """

    def examples(self, test: Predictions, *, fit: Fit) -> Examples:
        """Choose the samples of the test split that figures and report show."""
        return first_examples(test.samples)

    def run_figures(self, metrics: Mapping[str, Any]) -> RunFigures:
        """Make the figures of a run's page.

        Args:
            metrics: Content of metrics.json.
        """
        test = metrics["test"]
        value = test[self.score]
        return RunFigures(
            head=headline(
                "–" if value is None else f"{value:.3f}",
                f"{self.score_name} on the test split",
                bounds=test.get(f"{self.score}_ci95"),
                texts=[
                    f"{test['n']} samples of {test['n_patients']} patients.",
                    f"Label rule: {metrics['label_rule']}.",
                ],
            ),
            table=metrics_table(
                metrics,
                self.metric_titles,
                chosen="What was fitted was fitted to the validation split, so the values of that "
                "split are optimistic.",
            ),
        )

    @property
    def score_name(self) -> str:
        """Name of the score in words."""
        names = {key: title for key, title, _ in self.metric_titles}
        return names.get(self.score, self.score.replace("_", " "))

    def erase(
        self,
        classifier: LogitNet,
        data: "ScanDataModule",
        *,
        explainer: Explainer,
        fit: Fit,
        folder: Path,
        seed: int,
    ) -> dict[str, dict[str, Any]]:
        """Predict the test split with its lesions erased, and write what changes as CSV.

        Args:
            classifier: Trained net in evaluation mode.
            data: Data module after `setup`.
            explainer: Makes the heat-maps.
            fit: From `fit`.
            folder: Run folder.
            seed: Seed of the bootstrap.

        Returns:
            Figures to add to those of the test split, by section.
        """
        return {}

    def pool(self, seeds: Sequence[Sequence[Path]], *, label_rule: str, seed: int) -> Pooled:
        """Pool the tests of a cross-validation's folds.

        Args:
            seeds: Run folders of the folds, by seed; each has predictions.csv and metrics.json.
            label_rule: Meaning of the labels.
            seed: Seed of the bootstrap.
        """
        return pool_scores(seeds, self.score, name=self.score_name)

    # inference

    @abstractmethod
    def prediction(self, logits: np.ndarray, fit: Fit) -> dict[str, Any]:
        """Return the answer for prediction.json.

        Args:
            logits: `()` or `(K,)` logits of one scan.
            fit: From `read_fit`.
        """

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer for predictions.csv of many scans, by `columns`.

        Args:
            record: `record_keys` of prediction.json.
        """
        return {name: record[name] for name in self.columns}

    def measure(
        self, samples: Sequence[Sample], records: Sequence[Mapping[str, Any]], *, fit: Fit
    ) -> dict[str, Any] | None:
        """Compute parts of metrics.json of many scans: `test`, `rules` and others.

        Args:
            samples: Predicted scans.
            records: `record_keys` of their prediction.json.
            fit: From `read_fit`.

        Returns:
            The parts; None if no answer can be compared with the truth.
        """
        return None

    def maps(
        self, classifier: LogitNet, explain: Callable[[], HeatMap]
    ) -> Iterable[tuple[str, HeatMap]]:
        """Return further heat-maps, each with `NAME` of its heatmap_NAME.nii.gz.

        Args:
            classifier: Trained net in evaluation mode.
            explain: Explains the scan with the classifier as it is at the time of the call.
        """
        return ()

    @abstractmethod
    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put the answer into lines for the console.

        Args:
            prediction: Content of prediction.json.
        """

    def answer(self, prediction: Mapping[str, Any]) -> str:
        """Put the answer into a few words, such as `probability 0.719`.

        Args:
            prediction: Content of prediction.json.
        """
        return self.prediction_lines(prediction)[0]

    def prediction_section(self, prediction: Mapping[str, Any]) -> Html:
        """Show the answer in a scan's report; a probability of label 1 is shown above it already.

        Args:
            prediction: Content of prediction.json.
        """
        return Html()
