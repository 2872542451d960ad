"""Risk by year: how well it ranks, and whether as many fall ill as it says."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lungcam.report.classification_figures import marks, yearly_marks
from lungcam.report.figure import (
    GREY,
    INK,
    NET,
    OTHERS,
    annotate,
    blank,
    legend,
    span,
    tidy,
)

WIDTH, HEIGHT = 14.0, 5.5
PANEL, STEP, LEFT = 3.78, 4.62, 0.72
# between the marks of one year, in years
BESIDE = 0.13


def draw_risk(figures: Mapping, split: str, *, label_rule: str) -> Figure:
    """Draw the AUC, the expected and observed risk by year, and both by group of predicted risk.

    Args:
        figures: Of `risk_summary`, of one scan or more.
        split: Its name.
        label_rule: What label 1 means.
    """
    figure = blank(WIDTH, HEIGHT)
    for place, draw in enumerate((_draw_auc, _draw_years, _draw_groups)):
        left = (LEFT + STEP * place) / WIDTH
        axes = figure.add_axes((left, 1.12 / HEIGHT, PANEL / WIDTH, 1 - 2.2 / HEIGHT))
        draw(axes, figures)
        tidy(axes)
    below = (
        f"{split}: n = {figures['n']} scans ({figures['n_events']} with the event before the "
        f"horizon) of {figures['n_patients']} patients; bars: 95 % intervals over patients"
    )
    annotate(
        figure,
        "Risk by year, from the day of the scan",
        below=below,
        label_rule=label_rule,
        left=0.018,
    )
    return figure


def _draw_auc(axes: Axes, figures: Mapping) -> None:
    """AUC of each year, and of the best baselines beside it."""
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    index = figures["c_index"]
    told = "" if index is None else f"  Uno's C-index {index:.3f}{span(figures['c_index_ci95'])}"
    years = figures["auc"]
    series = [("net", NET, "o", [(one["value"], one["ci95"]) for one in years.values()])]
    compared = {
        name: [(one["baseline_auc"], one["baseline_auc_ci95"]) for one in of.values()]
        for name, of in figures["against_baselines"].items()
        if any(one["baseline_auc"] is not None for one in of.values())
    }
    best = sorted(compared, key=lambda name: -max(value or 0 for value, _ in compared[name]))
    for name, colour, marker in zip(best[: len(OTHERS)], OTHERS, "sD^", strict=False):
        series.append((f"{name.replace('_', ' ')} alone", colour, marker, compared[name]))
    for place, (name, colour, marker, points) in enumerate(series):
        shift = (place - (len(series) - 1) / 2) * BESIDE
        yearly_marks(axes, points, beside=shift, colour=colour, marker=marker, label=name)
    lowest = min([0.5, *axes.dataLim.intervaly[np.isfinite(axes.dataLim.intervaly)]])
    # room for the legend
    axes.set_ylim(1.02 - 1.28 * (1.02 - lowest), 1.02)
    axes.set_ylabel("AUC of the risk within so many years")
    _within_one(axes.yaxis)
    _title(axes, "Does it rank?" + told)
    _years(
        axes, years, below=[f"{one['n_positive']}" for one in years.values()], meaning="positives"
    )
    legend(axes, loc="lower right", ncols=2)


def _draw_years(axes: Axes, figures: Mapping) -> None:
    """Expected beside observed risk of each year."""
    years = figures["calibration"]
    expected = [(one["expected"], (None, None)) for one in years.values()]
    observed = [(one["observed"], one["observed_ci95"]) for one in years.values()]
    yearly_marks(
        axes,
        expected,
        beside=-BESIDE / 2,
        colour=NET,
        marker="o",
        label="expected: mean predicted risk",
        line="solid",
    )
    yearly_marks(
        axes, observed, beside=BESIDE / 2, colour=INK, marker="s", label="observed: Kaplan-Meier"
    )
    ratios = [one["ratio"] for one in years.values()]
    words = ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
    axes.set(ylabel="risk within so many years")
    _title(axes, "Is the event as frequent as it says?")
    end = max(axes.get_ylim()[1] * 1.2, 0.001)
    axes.set_ylim(-0.03 * end, end)
    _percent(axes.yaxis)
    _years(axes, years, below=words, meaning="expected / observed")
    legend(axes, loc="upper left")


def _draw_groups(axes: Axes, figures: Mapping) -> None:
    """Observed over expected risk at the horizon, of each group of predicted risk."""
    groups = [one for one in figures["groups"] if one["observed"] is not None]
    ends = [figures["groups"][-1]["expected"]]
    for one in groups:
        high = one["observed_ci95"][1]
        ends += [one["observed"], *([] if high is None else [high])]
    end = max(*ends, 0.001) * 1.3
    last = min(end, 1)
    axes.plot(
        [0, last], [0, last], color=GREY, linewidth=0.9, linestyle=(0, (2, 3)), label="as expected"
    )
    marks(
        axes,
        [one["expected"] for one in groups],
        points=[(one["observed"], one["observed_ci95"]) for one in groups],
        colour=INK,
        marker="s",
        label="scans grouped by expected risk: events / scans",
    )
    for one in groups:
        axes.annotate(
            f"{one['n_events']} / {one['n']}",
            (one["expected"], one["observed"]),
            (6, 5),
            textcoords="offset points",
            size=7.5,
            color=GREY,
        )
    horizon = len(figures["auc"])
    axes.set(
        xlim=(-0.03 * end, end),
        ylim=(-0.03 * end, end),
        xlabel=f"expected risk within {horizon} years",
        ylabel=f"observed risk within {horizon} years",
    )
    _title(axes, "At low and at high risk, too?")
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    legend(axes, loc="upper left")


def _years(axes: Axes, years: Mapping, *, below: list[str], meaning: str) -> None:
    """Ticks of the years, with a figure of each below."""
    labels = [f"{year}\n{word}" for year, word in zip(years, below, strict=True)]
    axes.set_xticks(range(1, len(labels) + 1), labels)
    axes.set(xlim=(0.5, len(labels) + 0.5), xlabel=f"years (below: {meaning})")


def _title(axes: Axes, words: str) -> None:
    """A plot's own title, at its left."""
    axes.set_title(words, loc="left", size=10.5, color=INK, pad=9)


def _percent(axis: Axis) -> None:
    """Ticks of a risk, after the limits."""
    axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(PercentFormatter(1))
    _within_one(axis)


def _within_one(axis: Axis) -> None:
    """No ticks where the axis goes on beyond 0 and 1, to make room."""
    low, high = axis.get_view_interval()
    ticks = axis.get_ticklocs()
    axis.set_ticks(ticks[(ticks >= max(low, 0)) & (ticks <= min(high, 1) + 1e-9)])
