"""Figure of the lungs' histogram with Otsu's threshold and the opacity ramp that it sets."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungcam.render import Ramp
from lungcam.render.transfer_functions import AIR_TO_SOFT_TISSUE_HU, FIRST_MODE, SECOND_MODE
from lungcam.report.figure import (
    FAINT,
    INK,
    NEGATIVE,
    POSITIVE,
    add_legend,
    annotate,
    new_figure,
    style_axes,
)

WIDTH, HEIGHT = 6.4, 4.6
VALUES = np.arange(256)
# lower end of the axis, in percent of the voxels
MIN_PERCENT = 1e-3


def draw_lungs_histogram(histogram: np.ndarray, ramp: Ramp) -> Figure:
    """Draw the lungs' histogram on the display scale with a normal curve for each of its two modes.

    Args:
        histogram: `(256,)` counts from `lungcam.render.lungs_histogram`.
        ramp: Ramp from `lungcam.render.otsu_ramp`.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.add_axes((0.115, 0.98 / HEIGHT, 0.795, 1 - 1.86 / HEIGHT))
    style_axes(axes)
    total = int(histogram.sum())
    _draw_modes(axes, 100 * histogram / total, threshold=ramp.low)
    opacity = _draw_ramp(axes, ramp)
    entries = [part.get_legend_handles_labels() for part in (axes, opacity)]
    handles, labels = ([*first, *second] for first, second in zip(*entries, strict=True))
    add_legend(opacity, handles=handles, labels=labels, loc="upper right", bbox_to_anchor=(1, 0.9))
    annotate(
        figure,
        "Histogram of the lungs, with Otsu's opacity ramp",
        subtitle=f"{total:,} voxels; bars at the top: typical range of each mode",
        label_rule=None,
    )
    return figure


def _draw_modes(axes: Axes, percent: np.ndarray, *, threshold: float) -> None:
    """Draw the histogram, a curve for the mode on each side of the threshold, and the threshold."""
    axes.fill_between(VALUES, percent, step="mid", color=FAINT, label="voxels of the lungs")
    below = threshold >= VALUES
    for part, color, name in ((below, NEGATIVE, "first"), (~below, POSITIVE, "second")):
        if percent[part].any():
            mean, deviation, weight = _moments(VALUES[part], percent[part])
            bell = np.exp(-(((VALUES - mean) / deviation) ** 2) / 2)
            curve = weight / (deviation * np.sqrt(2 * np.pi)) * bell
            label = f"{name} mode, {weight:.0f} %: {mean:.0f} ± {deviation:.0f}"
            axes.plot(VALUES, curve, color=color, linewidth=1.4, label=label)
    axes.axvline(
        threshold,
        color=INK,
        linewidth=1.2,
        linestyle=(0, (5, 2)),
        label=f"Otsu's threshold, {threshold:.0f}",
    )
    for mode, color in ((FIRST_MODE, NEGATIVE), (SECOND_MODE, POSITIVE)):
        axes.axvspan(*mode, ymin=0.985, color=color, linewidth=0)
    # the second mode is a few percent of the first
    axes.set_yscale("log")
    axes.minorticks_off()
    low, high = AIR_TO_SOFT_TISSUE_HU
    axes.set(
        xlim=(0, 255),
        ylim=(MIN_PERCENT, 2 * percent.max()),
        xlabel=f"display value, 0 to 255 for {low:.0f} to {high:.0f} HU",
        ylabel="share of the voxels, %",
    )
    axes.yaxis.set_major_formatter("{x:g}")


def _draw_ramp(axes: Axes, ramp: Ramp) -> Axes:
    """Draw the opacity ramp on a second vertical axis, and return it."""
    opacity = axes.twinx()
    opacity.plot(
        [0, ramp.low, ramp.high, 255],
        [0, 0, 1, 1],
        color=INK,
        linewidth=1.8,
        label="opacity",
    )
    opacity.set(ylim=(0, 1.08), ylabel="opacity per millimetre")
    style_axes(opacity)
    opacity.grid(visible=False)
    return opacity


def _moments(values: np.ndarray, share: np.ndarray) -> tuple[float, float, float]:
    """Return mean, standard deviation (at least half a step) and sum."""
    weight = share.sum()
    mean = (values * share).sum() / weight
    return mean, max(0.5, np.sqrt((share * (values - mean) ** 2).sum() / weight)), weight
