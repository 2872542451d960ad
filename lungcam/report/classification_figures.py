"""The reliability diagram: whether probabilities mean what they say.

How the probabilities of both classes lie, and the threshold between them.

Marks with their intervals.

Precision over recall, with the share of positives.

The ROC curve with its band, beside what needs no network.
"""

from collections.abc import Sequence

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
    GREY,
    INK,
    NEGATIVE,
    NET,
    OTHERS,
    POSITIVE,
    Shown,
    legend,
    plot,
    span,
    tidy,
)

HISTOGRAM_BINS = np.linspace(0, 1, 26)


def draw_histogram(shown: Shown) -> Figure:
    """Draw positives upwards, negatives downwards, and the operating threshold."""
    figure, axes = plot(shown, "Calibrated probabilities by class", height=5.6)
    told = shown.figures
    tallest = 1
    for label, sign, colour, name in (
        (1, 1, POSITIVE, "positive"),
        (0, -1, NEGATIVE, "negative"),
    ):
        counts, _ = np.histogram(shown.probabilities[shown.labels == label], HISTOGRAM_BINS)
        tallest = max(tallest, counts.max())
        axes.bar(
            HISTOGRAM_BINS[:-1],
            sign * counts,
            np.diff(HISTOGRAM_BINS) * 0.9,
            align="edge",
            color=colour,
            label=f"{name}, n = {counts.sum()}",
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(
        told["threshold"],
        color=INK,
        linewidth=1.3,
        linestyle=(0, (5, 2)),
        label=f"threshold {told['threshold']:.2f}, chosen on validation:\n"
        f"sensitivity {told['recall']:.2f}, specificity {told['specificity']:.2f}",
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda count, _: f"{abs(count):.0f}")
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-1.12 * tallest, 1.12 * tallest),
        xlabel="calibrated probability",
        ylabel="samples in each bin",
    )
    legend(axes, loc="best")
    return figure


# a figure, None where unknown, and the bounds of its interval, None likewise
Point = tuple[float | None, Sequence[float | None]]


def yearly_marks(
    axes: Axes,
    points: Sequence[Point],
    *,
    beside: float,
    colour: str,
    marker: str,
    label: str,
    line: str = "none",
) -> None:
    """Draw marks at the years 1, 2, ..., moved `beside` them; unknown ones are left out."""
    known = [(year, point) for year, point in enumerate(points, 1) if point[0] is not None]
    years = [year + beside for year, _ in known]
    marks(
        axes,
        years,
        points=[point for _, point in known],
        colour=colour,
        marker=marker,
        label=label,
        line=line,
    )


def marks(
    axes: Axes,
    positions: Sequence[float],
    *,
    points: Sequence[Point],
    colour: str,
    marker: str,
    label: str,
    line: str = "none",
) -> None:
    """Draw marks, and a bar for each interval that is known."""
    told = [
        (x, *bounds) for x, (_, bounds) in zip(positions, points, strict=True) if None not in bounds
    ]
    if told:
        x, low, high = zip(*told, strict=True)
        axes.vlines(x, low, high, color=colour, alpha=0.5, linewidth=1.6)
    axes.plot(
        positions,
        [value for value, _ in points],
        color=colour,
        marker=marker,
        markersize=6,
        markeredgecolor="white",
        linestyle=line,
        linewidth=1.4,
        label=label,
    )


def draw_precision_recall(shown: Shown) -> Figure:
    """Draw precision over recall, the prevalence, and the operating point."""
    figure, axes = plot(shown, "Precision over recall")
    told = shown.figures
    prevalence = told["n_positive"] / told["n"]
    axes.axhline(
        prevalence,
        color=GREY,
        linewidth=1,
        linestyle=(0, (2, 3)),
        label=f"prevalence {prevalence:.2f}: what chance gives",
    )
    recall, precision = precision_recall_curve(shown.labels, shown.probabilities)
    axes.step(
        np.r_[0, recall],
        np.r_[precision[0], precision],
        where="pre",
        color=NET,
        linewidth=2.2,
        label=f"net: PR-AUC {told['pr_auc']:.3f}{span(told['pr_auc_ci95'])}",
    )
    point = metrics_at_threshold(shown.labels, shown.probabilities, threshold=told["threshold"])
    if point["precision"] is not None:
        axes.plot(
            point["recall"],
            point["precision"],
            "o",
            color="white",
            markeredgecolor=NET,
            markeredgewidth=2,
            markersize=8,
            label=f"threshold {told['threshold']:.2f}, chosen on validation",
        )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.03),
        xlabel="recall (sensitivity)",
        ylabel="precision (positive predictive value)",
    )
    legend(axes, loc="lower left")
    return figure


RELIABILITY_BINS = 10


def reliability(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, positives and samples of each bin that holds any.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1]; in ten bins of equal width, as of the calibration error.
    """
    bin_of = np.minimum((probabilities * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    among = np.bincount(bin_of, minlength=RELIABILITY_BINS)
    held = among > 0
    mean = np.bincount(bin_of, probabilities, minlength=RELIABILITY_BINS)[held] / among[held]
    return mean, np.bincount(bin_of, labels, minlength=RELIABILITY_BINS)[held], among[held]


def draw_reliability(shown: Shown) -> Figure:
    """Draw frequency over probability before and after calibration, and counts below."""
    figure, axes = plot(shown, "Reliability: do probabilities mean what they say?", height=7.4)
    left, bottom, width, height = axes.get_position().bounds
    axes.set_position((left, bottom + 0.25 * height, width, 0.75 * height))
    counts = figure.add_axes((left, bottom, width, 0.21 * height), sharex=axes)
    tidy(counts)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=(0, (2, 3)), label="ideal")
    told = shown.figures
    before = f"before: ECE {told['ece_uncalibrated']:.3f}, Brier {told['brier_uncalibrated']:.3f}"
    after = f"calibrated: ECE {told['ece']:.3f}, Brier {told['brier']:.3f}"
    for probabilities, label, colour, marker, line in (
        (shown.raw, before, OTHERS[0], "s", (0, (4, 2))),
        (shown.probabilities, after, NET, "o", "solid"),
    ):
        mean, positive, among = reliability(shown.labels, probabilities)
        share = positive / among
        if colour == NET:
            low, high = wilson_interval(positive, among)
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
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1)
    counts.hist(
        [shown.raw, shown.probabilities],
        edges,
        color=[OTHERS[0], NET],
        alpha=0.8,
        rwidth=0.8,
    )
    axes.tick_params(labelbottom=False)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02), ylabel="share of positives")
    counts.set(xlabel="probability (bars: 95 % Wilson interval in each tenth)", ylabel="samples")
    legend(axes, loc="upper left")
    return figure


def draw_roc(shown: Shown) -> Figure:
    """Draw the net's ROC curve, its 95 % band over patients, and the three best baselines'.

    A baseline's curve is over the samples where it is known; the legend says how many.
    """
    figure, axes = plot(shown, "ROC curve, with what needs no network")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    told = shown.figures
    # where no resample errs, a band would be a line that claims certainty
    if 0 < told["auc"] < 1:
        low, high = roc_band(
            shown.labels, shown.probabilities, patients=shown.patients, seed=shown.seed
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
    compared = {
        name: one
        for name, one in told["against_baselines"].items()
        if one["baseline_auc"] is not None
    }
    best = sorted(compared, key=lambda name: -compared[name]["baseline_auc"])[: len(OTHERS)]
    for name, colour in zip(best, OTHERS, strict=False):
        one, scores = compared[name], shown.baselines[name]
        known = scores == scores
        # straight through ties, so that the area is the AUC that counts them half
        axes.plot(
            *roc_curve(shown.labels[known], scores[known]),
            color=colour,
            linewidth=1.3,
            linestyle=(0, (5, 2)),
            label=f"{name.replace('_', ' ')} alone {one['baseline_auc']:.3f}"
            f"{span(one['baseline_auc_ci95'])}, n = {one['n']}\n"
            f"    net {one['difference']:+.3f}, {p_value(one['p'])}",
        )
    axes.plot(
        *roc_curve(shown.labels, shown.probabilities),
        color=NET,
        linewidth=2.2,
        label=f"net: AUC {told['auc']:.3f}{span(told['auc_ci95'])}",
    )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="false positive rate (1 - specificity)",
        ylabel="true positive rate (sensitivity)",
    )
    legend(axes, loc="lower right")
    return figure
