"""How the probabilities of both classes lie, and the threshold between them."""

import numpy as np
from matplotlib.figure import Figure

from lungcam.report.figure import INK, NEGATIVE, POSITIVE, Shown, legend, plot

BINS = np.linspace(0, 1, 26)


def draw_histogram(shown: Shown) -> Figure:
    """Draw positives upwards, negatives downwards, and the operating threshold."""
    figure, axes = plot(shown, "Calibrated probabilities by class", height=5.6)
    told = shown.figures
    tallest = 1
    for label, sign, colour, name in (
        (1, 1, POSITIVE, "positive"),
        (0, -1, NEGATIVE, "negative"),
    ):
        counts, _ = np.histogram(shown.probabilities[shown.labels == label], BINS)
        tallest = max(tallest, counts.max())
        axes.bar(
            BINS[:-1],
            sign * counts,
            np.diff(BINS) * 0.9,
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
