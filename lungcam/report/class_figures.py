"""Figures of several classes: confusion matrix, ROC one-vs-rest, and reliability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lungcam.metrics.discrimination import roc_curve
from lungcam.metrics.resampling import wilson_interval
from lungcam.report.classification_figures import DOTTED, reliability_bins
from lungcam.report.figure import (
    BASELINES,
    GREY,
    INK,
    NET,
    add_legend,
    annotate,
    interval_suffix,
    new_figure,
    style_axes,
)

# for the curves of the classes; they begin again after the last
COLOURS = (NET, "#c2410c", "#3f7d20", "#7e57a6", "#b7791f", "#0f766e", "#9b2c2c", "#475569")
BLUES = LinearSegmentedColormap.from_list("blues", ["white", NET])
LONGEST_NAME = 18


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassResults:
    """Classes, probabilities and metrics of a split, as its figures show them.

    Attributes:
        split: Name of the split.
        names: Names of the K classes.
        labels: `(N,)` from 0 to K - 1.
        uncalibrated: `(N, K)` probabilities before calibration.
        probabilities: `(N, K)` calibrated probabilities.
        metrics: Metrics of the split, as in metrics.json.
        label_rule: Definition of the classes.
    """

    split: str
    names: Sequence[str]
    labels: np.ndarray
    uncalibrated: np.ndarray
    probabilities: np.ndarray
    metrics: Mapping[str, object]
    label_rule: str

    @property
    def counts(self) -> str:
        """Numbers of samples and patients in words."""
        n, patients = self.metrics["n"], self.metrics["n_patients"]
        return f"{self.split}: n = {n} of {patients} patients, {len(self.names)} classes"


def draw_confusion(results: ClassResults) -> Figure:
    """Draw how often each class is called for each; colours are shares of the true class."""
    figure = _new_figure(results, "Confusion matrix")
    counts = np.array(results.metrics["confusion"])
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    # room for names
    axes = figure.add_axes((0.24, 0.26, 0.72, 0.58))
    axes.imshow(shares, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*counts.shape):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{counts[row, column]}\n{share:.0%}",
            ha="center",
            va="center",
            color="white" if share > 0.55 else INK,
            fontsize=10,
        )
    names = [_short(name) for name in results.names]
    axes.set_xticks(range(len(names)), names, rotation=20 if max(map(len, names)) > 8 else 0)
    totals = counts.sum(axis=1)
    labels = [f"{name}\nn = {total}" for name, total in zip(names, totals, strict=True)]
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlabel="called class", ylabel="true class")
    style_axes(axes)
    axes.grid(visible=False)
    return figure


def draw_class_roc(results: ClassResults) -> Figure:
    """Draw the ROC curve of each class against all others."""
    figure = _new_figure(results, "ROC curve of each class against the others")
    axes = figure.add_axes((0.115, 0.155, 0.845, 0.69))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=DOTTED)
    for number, name in enumerate(results.names):
        auc = results.metrics["auc_by_class"][name]
        if auc["value"] is None:
            continue
        labels = (results.labels == number).astype(int)
        axes.plot(
            *roc_curve(labels, results.probabilities[:, number]),
            color=COLOURS[number % len(COLOURS)],
            linewidth=2,
            label=f"{_short(name)}: AUC {auc['value']:.3f}{interval_suffix(auc['ci95'])}, "
            f"n = {auc['n_positive']}",
        )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="false positive rate (1 - specificity)",
        ylabel="true positive rate (sensitivity)",
    )
    style_axes(axes)
    add_legend(axes, loc="lower right")
    return figure


def draw_class_reliability(results: ClassResults) -> Figure:
    """Draw how often the called class is right over its probability, before and after."""
    figure = _new_figure(results, "Reliability of the called class")
    axes = figure.add_axes((0.115, 0.155, 0.845, 0.69))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=DOTTED, label="ideal")
    metrics = results.metrics
    for probabilities, name, ece, colour in (
        (results.uncalibrated, "before", metrics["ece_uncalibrated"], BASELINES[0]),
        (results.probabilities, "calibrated", metrics["ece"], NET),
    ):
        right = (probabilities.argmax(axis=1) == results.labels).astype(int)
        mean, hits, total = reliability_bins(right, probabilities.max(axis=1))
        share = hits / total
        low, high = wilson_interval(hits, total)
        errors = np.stack([share - low, high - share]).clip(0)
        axes.errorbar(
            mean,
            share,
            errors,
            color=colour,
            marker="o",
            markersize=5.5,
            linewidth=1.6,
            elinewidth=1,
            label=f"{name}: ECE {ece:.3f}",
        )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.02, 1.02),
        xlabel="probability of the called class (bars: 95 % Wilson interval per bin)",
        ylabel="share that is called rightly",
    )
    style_axes(axes)
    add_legend(axes, loc="upper left")
    return figure


def _new_figure(results: ClassResults, title: str) -> Figure:
    figure = new_figure(6.4, 6.6)
    annotate(figure, title, subtitle=results.counts, label_rule=results.label_rule)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
