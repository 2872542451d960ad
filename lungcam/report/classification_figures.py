"""Figures of a classification: ROC, precision over recall, reliability and histogram."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungcam.metrics.discrimination import (
    ROC_BAND_RATES,
    metrics_at_threshold,
    precision_recall_curve,
    roc_band,
    roc_curve,
)
from lungcam.metrics.resampling import wilson_interval
from lungcam.metrics.summary import p_value
from lungcam.report.figure import (
    BASELINES,
    GREY,
    INK,
    NEGATIVE,
    NET,
    POSITIVE,
    SplitResults,
    add_legend,
    interval_suffix,
    new_plot,
    style_axes,
)

HISTOGRAM_EDGES = np.linspace(0, 1, 26)
RELIABILITY_BINS = 10
# in a bin of the reliability diagram
LEAST_SAMPLES = 5
DOTTED = (0, (2, 3))
DASHED = (0, (5, 2))


def draw_roc(results: SplitResults) -> Figure:
    """Draw the net's ROC curve, its 95 % band over patients, and the three best baselines.

    The curve of a baseline covers the samples with a known score; the legend gives their number.
    """
    figure, axes = new_plot(results, "ROC curve, with baselines without a network")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=1)
    metrics = results.metrics
    # a perfect ranking has no errors to resample: its band would be a line that claims certainty
    if 0 < metrics["auc"] < 1:
        low, high = roc_band(
            results.labels, results.probabilities, patients=results.patients, seed=results.seed
        )
        axes.fill_between(
            ROC_BAND_RATES,
            low,
            high,
            color=NET,
            alpha=0.13,
            linewidth=0,
            label="95 % band, by patient",
        )
    _draw_baselines(axes, results)
    axes.plot(
        *roc_curve(results.labels, results.probabilities),
        color=NET,
        linewidth=2.2,
        label=f"net: AUC {metrics['auc']:.3f}{interval_suffix(metrics['auc_ci95'])}",
    )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="false positive rate (1 - specificity)",
        ylabel="true positive rate (sensitivity)",
    )
    add_legend(axes, loc="lower right")
    return figure


def _draw_baselines(axes: Axes, results: SplitResults) -> None:
    comparisons = {
        name: comparison
        for name, comparison in results.metrics["against_baselines"].items()
        if comparison["baseline_auc"] is not None
    }
    best = sorted(comparisons, key=lambda name: -comparisons[name]["baseline_auc"])
    for name, colour in zip(best[: len(BASELINES)], BASELINES, strict=False):
        comparison, scores = comparisons[name], results.baselines[name]
        known = scores == scores
        # straight lines through ties, so that the area is the AUC that counts ties half
        axes.plot(
            *roc_curve(results.labels[known], scores[known]),
            color=colour,
            linewidth=1.3,
            linestyle=DASHED,
            label=f"{name.replace('_', ' ')} alone {comparison['baseline_auc']:.3f}"
            f"{interval_suffix(comparison['baseline_auc_ci95'])}, n = {comparison['n']}\n"
            f"    net {comparison['difference']:+.3f}, {p_value(comparison['p'])}",
        )


def draw_precision_recall(results: SplitResults) -> Figure:
    """Draw precision over recall, the prevalence and the operating point."""
    figure, axes = new_plot(results, "Precision over recall")
    metrics = results.metrics
    prevalence = metrics["n_positive"] / metrics["n"]
    axes.axhline(
        prevalence,
        color=GREY,
        linewidth=1,
        linestyle=DOTTED,
        label=f"prevalence {prevalence:.2f}: expected by chance",
    )
    recall, precision = precision_recall_curve(results.labels, results.probabilities)
    axes.step(
        np.r_[0, recall],
        np.r_[precision[0], precision],
        where="pre",
        color=NET,
        linewidth=2.2,
        label=f"net: PR-AUC {metrics['pr_auc']:.3f}{interval_suffix(metrics['pr_auc_ci95'])}",
    )
    threshold = metrics["threshold"]
    point = metrics_at_threshold(results.labels, results.probabilities, threshold=threshold)
    if point["precision"] is not None:
        axes.plot(
            point["recall"],
            point["precision"],
            "o",
            color="white",
            markeredgecolor=NET,
            markeredgewidth=2,
            markersize=8,
            label=f"threshold {threshold:.2f}, chosen on validation",
        )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.03),
        xlabel="recall (sensitivity)",
        ylabel="precision (positive predictive value)",
    )
    add_legend(axes, loc="lower left")
    return figure


def draw_reliability(results: SplitResults) -> Figure:
    """Draw frequency over probability before and after calibration, and counts below."""
    figure, axes = new_plot(results, "Reliability of the probabilities", height=8.0)
    left, bottom, width, height = axes.get_position().bounds
    # the legend stands above the plot, where it hides nothing
    axes.set_position((left, bottom + 0.25 * height, width, 0.63 * height))
    counts = figure.add_axes((left, bottom, width, 0.21 * height), sharex=axes)
    style_axes(counts)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=DOTTED, label="ideal")
    metrics = results.metrics
    before = (
        f"before: ECE {metrics['ece_uncalibrated']:.3f}, Brier {metrics['brier_uncalibrated']:.3f}"
    )
    after = f"calibrated: ECE {metrics['ece']:.3f}, Brier {metrics['brier']:.3f}"
    series = [
        (results.uncalibrated, before, BASELINES[0], "s", (0, (4, 2))),
        (results.probabilities, after, NET, "o", "solid"),
    ]
    if np.array_equal(results.uncalibrated, results.probabilities):
        # a calibration that would hurt is not applied
        label = after.replace("calibrated", "not calibrated")
        series = [(results.probabilities, label, NET, "o", "solid")]
    for probabilities, label, colour, marker, line in series:
        mean, positive, total = reliability_bins(results.labels, probabilities)
        share = positive / total
        if colour == NET:
            low, high = wilson_interval(positive, total)
            errors = np.stack([share - low, high - share]).clip(0)
            axes.errorbar(mean, share, errors, fmt="none", ecolor=NET, alpha=0.45, linewidth=1.1)
        axes.plot(
            mean,
            share,
            color=colour,
            marker=marker,
            markersize=5.5,
            markeredgecolor="white",
            linewidth=1.6,
            linestyle=line,
            label=label,
        )
    counts.hist(
        [values for values, *_ in series],
        np.linspace(0, 1, RELIABILITY_BINS + 1),
        color=[colour for _, _, colour, *_ in series],
        alpha=0.8,
        rwidth=0.8,
    )
    axes.tick_params(labelbottom=False)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02), ylabel="share of positives")
    counts.set(
        xlabel="probability (bars: 95 % Wilson interval; tenths of few samples are joined)",
        ylabel="samples",
    )
    add_legend(axes, loc="lower left", bbox_to_anchor=(0, 1.01))
    return figure


def reliability_bins(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean probability, positives and samples of each bin.

    Neighbouring tenths are joined until each bin has `LEAST_SAMPLES` samples, or a twentieth of
    all if that is more: the share of one or two samples is 0 or 1 and says nothing.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1]; binned into tenths, as for the calibration error.
    """
    bins = np.minimum((probabilities * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    least = max(LEAST_SAMPLES, len(labels) / 20)
    total = np.bincount(bins, minlength=RELIABILITY_BINS)
    joined, number, count = np.zeros(RELIABILITY_BINS, int), 0, 0
    for tenth in range(RELIABILITY_BINS):
        joined[tenth] = number
        count += total[tenth]
        # what is left must fill a bin of its own
        if count >= least and total[tenth + 1 :].sum() >= least:
            number, count = number + 1, 0
    bins = joined[bins]
    total = np.bincount(bins)
    return np.bincount(bins, probabilities) / total, np.bincount(bins, labels), total


def draw_histogram(results: SplitResults) -> Figure:
    """Draw the histogram of positives upwards and of negatives downwards, and the threshold."""
    figure, axes = new_plot(results, "Calibrated probabilities by class", height=5.6)
    metrics = results.metrics
    tallest = 1
    for label, sign, colour, name in (
        (1, 1, POSITIVE, "positive"),
        (0, -1, NEGATIVE, "negative"),
    ):
        counts, _ = np.histogram(results.probabilities[results.labels == label], HISTOGRAM_EDGES)
        tallest = max(tallest, counts.max())
        axes.bar(
            HISTOGRAM_EDGES[:-1],
            sign * counts,
            np.diff(HISTOGRAM_EDGES) * 0.9,
            align="edge",
            color=colour,
            label=f"{name}, n = {counts.sum()}",
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(
        metrics["threshold"],
        color=INK,
        linewidth=1.3,
        linestyle=DASHED,
        label=f"threshold {metrics['threshold']:.2f}, chosen on validation:\n"
        f"sensitivity {metrics['recall']:.2f}, specificity {metrics['specificity']:.2f}",
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda count, _: f"{abs(count):.0f}")
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-1.12 * tallest, 1.12 * tallest),
        xlabel="calibrated probability",
        ylabel="samples per bin",
    )
    add_legend(axes, loc="best")
    return figure
