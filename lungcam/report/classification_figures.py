"""The reliability diagram: whether probabilities mean what they say."""

import numpy as np
from matplotlib.figure import Figure

from lungcam.metrics.curves import wilson_interval
from lungcam.report.figure import GREY, NET, OTHERS, Shown, legend, plot, tidy

BINS = 10


def reliability(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, positives and samples of each bin that holds any.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1]; in ten bins of equal width, as of the calibration error.
    """
    bin_of = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    among = np.bincount(bin_of, minlength=BINS)
    held = among > 0
    mean = np.bincount(bin_of, probabilities, minlength=BINS)[held] / among[held]
    return mean, np.bincount(bin_of, labels, minlength=BINS)[held], among[held]


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
    edges = np.linspace(0, 1, BINS + 1)
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
