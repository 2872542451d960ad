"""Figure of the risk by year: discrimination, calibration by year and by group of risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

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

WIDTH, HEIGHT = 14.0, 5.5
PANEL_WIDTH, PANEL_STEP, MARGIN_LEFT = 3.78, 4.62, 0.72
# distance of the markers of one year, in years
MARKER_STEP = 0.13

# value and bounds of its interval, each None if unknown
Point = tuple[float | None, Sequence[float | None]]


@dataclass(frozen=True, kw_only=True)
class _Style:
    """Style of a series of markers."""

    label: str
    colour: str
    marker: str
    line: str = "none"


def draw_risk(metrics: Mapping, split: str, *, label_rule: str) -> Figure:
    """Draw the AUC, the expected and observed risk by year, and both by group of predicted risk.

    Args:
        metrics: Metrics of `risk_summary`, of at least one scan.
        split: Name of the split.
        label_rule: Definition of label 1.
    """
    figure = new_figure(WIDTH, HEIGHT)
    for panel, draw in enumerate((_draw_auc, _draw_years, _draw_groups)):
        left = (MARGIN_LEFT + PANEL_STEP * panel) / WIDTH
        axes = figure.add_axes((left, 1.12 / HEIGHT, PANEL_WIDTH / WIDTH, 1 - 2.2 / HEIGHT))
        draw(axes, metrics)
        style_axes(axes)
    subtitle = (
        f"{split}: n = {metrics['n']} scans ({metrics['n_events']} with the event before the "
        f"horizon) of {metrics['n_patients']} patients; bars: 95 % intervals over patients"
    )
    title = "Risk by year, from the day of the scan"
    annotate(figure, title, subtitle=subtitle, label_rule=label_rule, left=0.018)
    return figure


def _draw_auc(axes: Axes, metrics: Mapping) -> None:
    """Draw the AUC of each year, and of the best baselines next to it."""
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    years = metrics["auc"]
    series = [
        (
            _Style(label="net", colour=NET, marker="o"),
            [(year["value"], year["ci95"]) for year in years.values()],
        )
    ]
    comparisons = {
        name: [(year["baseline_auc"], year["baseline_auc_ci95"]) for year in by_year.values()]
        for name, by_year in metrics["against_baselines"].items()
        if any(year["baseline_auc"] is not None for year in by_year.values())
    }
    best = sorted(comparisons, key=lambda name: -max(auc or 0 for auc, _ in comparisons[name]))
    for name, colour, marker in zip(best[: len(BASELINES)], BASELINES, "sD^", strict=False):
        style = _Style(label=f"{name.replace('_', ' ')} alone", colour=colour, marker=marker)
        series.append((style, comparisons[name]))
    for index, (style, points) in enumerate(series):
        _draw_yearly(
            axes, points, offset=(index - (len(series) - 1) / 2) * MARKER_STEP, style=style
        )
    lowest = min([0.5, *axes.dataLim.intervaly[np.isfinite(axes.dataLim.intervaly)]])
    # leave space for the legend
    axes.set_ylim(1.02 - 1.28 * (1.02 - lowest), 1.02)
    axes.set_ylabel("AUC of the risk by year")
    _limit_ticks(axes.yaxis)
    title, c_index = "Discrimination", metrics["c_index"]
    if c_index is not None:
        title += f":  Uno's C-index {c_index:.3f}{interval_suffix(metrics['c_index_ci95'])}"
    _set_title(axes, title)
    positives = [f"{year['n_positive']}" for year in years.values()]
    _label_years(axes, years, below=positives, meaning="positives")
    add_legend(axes, loc="lower right", ncols=2)


def _draw_years(axes: Axes, metrics: Mapping) -> None:
    """Draw the expected next to the observed risk of each year."""
    years = metrics["calibration"]
    expected = [(year["expected"], (None, None)) for year in years.values()]
    observed = [(year["observed"], year["observed_ci95"]) for year in years.values()]
    style = _Style(label="expected: mean predicted risk", colour=NET, marker="o", line="solid")
    _draw_yearly(axes, expected, offset=-MARKER_STEP / 2, style=style)
    style = _Style(label="observed: Kaplan-Meier", colour=INK, marker="s")
    _draw_yearly(axes, observed, offset=MARKER_STEP / 2, style=style)
    ratios = [year["ratio"] for year in years.values()]
    texts = ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
    axes.set(ylabel="cumulative risk by year")
    _set_title(axes, "Calibration by year")
    end = max(axes.get_ylim()[1] * 1.2, 0.001)
    axes.set_ylim(-0.03 * end, end)
    _format_percent(axes.yaxis)
    _label_years(axes, years, below=texts, meaning="expected / observed")
    add_legend(axes, loc="upper left")


def _draw_groups(axes: Axes, metrics: Mapping) -> None:
    """Draw observed over expected risk at the horizon, for each group of predicted risk."""
    groups = [group for group in metrics["groups"] if group["observed"] is not None]
    ends = [metrics["groups"][-1]["expected"]]
    for group in groups:
        high = group["observed_ci95"][1]
        ends += [group["observed"], *([] if high is None else [high])]
    end = max(*ends, 0.001) * 1.3
    last = min(end, 1)
    axes.plot([0, last], [0, last], color=GREY, linewidth=0.9, linestyle=(0, (2, 3)), label="ideal")
    _draw_markers(
        axes,
        [group["expected"] for group in groups],
        points=[(group["observed"], group["observed_ci95"]) for group in groups],
        style=_Style(
            label="scans grouped by expected risk: events / scans", colour=INK, marker="s"
        ),
    )
    for group in groups:
        axes.annotate(
            f"{group['n_events']} / {group['n']}",
            (group["expected"], group["observed"]),
            (6, 5),
            textcoords="offset points",
            size=7.5,
            color=GREY,
        )
    horizon = len(metrics["auc"])
    axes.set(
        xlim=(-0.03 * end, end),
        ylim=(-0.03 * end, end),
        xlabel=f"expected risk within {horizon} years",
        ylabel=f"observed risk within {horizon} years",
    )
    _set_title(axes, "Calibration by group of risk")
    _format_percent(axes.xaxis)
    _format_percent(axes.yaxis)
    add_legend(axes, loc="upper left")


def _draw_yearly(axes: Axes, points: Sequence[Point], *, offset: float, style: _Style) -> None:
    """Draw the points of the years 1, 2, ..., shifted by an offset; unknown ones are left out."""
    known = [(year, point) for year, point in enumerate(points, 1) if point[0] is not None]
    positions = [year + offset for year, _ in known]
    _draw_markers(axes, positions, points=[point for _, point in known], style=style)


def _draw_markers(
    axes: Axes, positions: Sequence[float], *, points: Sequence[Point], style: _Style
) -> None:
    """Draw a marker for each point, and a bar for each interval that is known."""
    intervals = [
        (x, *bounds) for x, (_, bounds) in zip(positions, points, strict=True) if None not in bounds
    ]
    if intervals:
        x, low, high = zip(*intervals, strict=True)
        axes.vlines(x, low, high, color=style.colour, alpha=0.5, linewidth=1.6)
    axes.plot(
        positions,
        [value for value, _ in points],
        color=style.colour,
        marker=style.marker,
        markersize=6,
        markeredgecolor="white",
        linestyle=style.line,
        linewidth=1.4,
        label=style.label,
    )


def _label_years(axes: Axes, years: Mapping, *, below: list[str], meaning: str) -> None:
    """Label the ticks with the years and a value of each below."""
    labels = [f"{year}\n{text}" for year, text in zip(years, below, strict=True)]
    axes.set_xticks(range(1, len(labels) + 1), labels)
    axes.set(xlim=(0.5, len(labels) + 0.5), xlabel=f"years (below: {meaning})")


def _set_title(axes: Axes, text: str) -> None:
    """Set the title of a panel, at its left."""
    axes.set_title(text, loc="left", size=10.5, color=INK, pad=9)


def _format_percent(axis: Axis) -> None:
    """Format the ticks of a risk; call it after setting the limits."""
    axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(PercentFormatter(1))
    _limit_ticks(axis)


def _limit_ticks(axis: Axis) -> None:
    """Remove the ticks below 0 and above 1, where the axis only makes space for markers."""
    low, high = axis.get_view_interval()
    ticks = axis.get_ticklocs()
    axis.set_ticks(ticks[(ticks >= max(low, 0)) & (ticks <= min(high, 1) + 1e-9)])
