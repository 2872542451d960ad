"""The lungs' intensities, Otsu's threshold between their modes, and the ramp of opacity it sets."""

import numpy as np
from matplotlib.figure import Figure

from lungcam.render import Ramp
from lungcam.render.transfer_functions import AIR_TO_SOFT_TISSUE_HU, FIRST_MODE, SECOND_MODE
from lungcam.report.figure import (
    FAINT,
    INK,
    NEGATIVE,
    POSITIVE,
    annotate,
    blank,
    legend,
    tidy,
)

WIDTH, HEIGHT = 6.4, 4.6
VALUES = np.arange(256)
# percent of the voxels that is still drawn
FAINTEST = 1e-3


def draw_lungs_histogram(histogram: np.ndarray, ramp: Ramp) -> Figure:
    """Draw the lungs' histogram on the display scale with a bell for each of its two modes.

    Args:
        histogram: `(256,)` counts, as `lungcam.render.lungs_histogram` makes them.
        ramp: As `lungcam.render.otsu_ramp` finds it.
    """
    figure = blank(WIDTH, HEIGHT)
    axes = figure.add_axes((0.115, 0.98 / HEIGHT, 0.795, 1 - 1.86 / HEIGHT))
    tidy(axes)
    low, high = AIR_TO_SOFT_TISSUE_HU
    total = int(histogram.sum())
    share = 100 * histogram / total
    axes.fill_between(VALUES, share, step="mid", color=FAINT, label="voxels of the lungs")
    first = ramp.low >= VALUES
    for part, color, name in ((first, NEGATIVE, "first"), (~first, POSITIVE, "second")):
        if histogram[part].any():
            mean, deviation, weight = _moments(VALUES[part], share[part])
            bell = np.exp(-(((VALUES - mean) / deviation) ** 2) / 2)
            curve = weight / (deviation * np.sqrt(2 * np.pi)) * bell
            told = f"{name} mode, {weight:.0f} %: {mean:.0f} ± {deviation:.0f}"
            axes.plot(VALUES, curve, color=color, linewidth=1.4, label=told)
    axes.axvline(
        ramp.low,
        color=INK,
        linewidth=1.2,
        linestyle=(0, (5, 2)),
        label=f"Otsu's threshold, {ramp.low:.0f}",
    )
    for mode, color in ((FIRST_MODE, NEGATIVE), (SECOND_MODE, POSITIVE)):
        axes.axvspan(*mode, ymin=0.985, color=color, linewidth=0)
    # the second mode is a few percent of the first
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set(
        xlim=(0, 255),
        ylim=(FAINTEST, 2 * share.max()),
        xlabel=f"display value, 0 to 255 for {low:.0f} to {high:.0f} HU",
        ylabel="share of the voxels, %",
    )
    axes.yaxis.set_major_formatter("{x:g}")
    opacity = axes.twinx()
    opacity.plot(
        [0, ramp.low, ramp.high, 255],
        [0, 0, 1, 1],
        color=INK,
        linewidth=1.8,
        label="opacity",
    )
    opacity.set(ylim=(0, 1.08), ylabel="opacity of a millimetre")
    tidy(opacity)
    opacity.grid(visible=False)
    drawn = [one.get_legend_handles_labels() for one in (axes, opacity)]
    lines, names = ([*first, *second] for first, second in zip(*drawn, strict=True))
    legend(opacity, handles=lines, labels=names, loc="upper right", bbox_to_anchor=(1, 0.9))
    annotate(
        figure,
        "The lungs' intensities, and Otsu's ramp of opacity",
        below=f"{total:,} voxels; the bars above mark where the modes lie as a rule",
        label_rule=None,
    )
    return figure


def _moments(values: np.ndarray, share: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard deviation (at least half a step) and sum."""
    weight = share.sum()
    mean = (values * share).sum() / weight
    return mean, max(0.5, np.sqrt((share * (values - mean) ** 2).sum() / weight)), weight
