"""Layout and colours that all figures share, without the global state of pyplot."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lungcam import RESEARCH_USE_ONLY

INK, GREY, FAINT = "#1f2d3a", "#6b7885", "#dfe4e8"
NET, POSITIVE, NEGATIVE = "#0b5cad", "#c2410c", "#4b7f9e"
BASELINES = ("#c2410c", "#3f7d20", "#7e57a6")
DPI = 150
# letters of the smallest size per inch
LETTERS_PER_INCH = 13.5


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitResults:
    """Labels, probabilities and metrics of a split, as its figures show them.

    Attributes:
        split: Name of the split.
        labels: `(N,)` of 0 and 1; both occur.
        uncalibrated: `(N,)` probabilities before calibration.
        probabilities: `(N,)` calibrated probabilities.
        patients: `(N,)` patient of each sample.
        baselines: Scores `(N,)` of baselines without a network, by name; NaN if unknown.
        metrics: Metrics of the split, as in metrics.json.
        label_rule: Definition of label 1.
        seed: Seed of the bootstrap.
    """

    split: str
    labels: np.ndarray
    uncalibrated: np.ndarray
    probabilities: np.ndarray
    patients: np.ndarray
    baselines: Mapping[str, np.ndarray]
    metrics: Mapping[str, object]
    label_rule: str
    seed: int

    @property
    def counts(self) -> str:
        """Return the numbers of samples, positives and patients in words."""
        return counts_text(self.split, self.metrics)


def counts_text(split: str, metrics: Mapping[str, object]) -> str:
    """Return the numbers of samples, positives and patients of a split in words.

    Args:
        split: Name of the split.
        metrics: Metrics of the split, as in metrics.json.
    """
    n, positive, patients = (metrics[name] for name in ("n", "n_positive", "n_patients"))
    return f"{split}: n = {n} ({positive} positive) of {patients} patients"


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure; width and height in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_plot(results: SplitResults, title: str, *, height: float = 6.6) -> tuple[Figure, Axes]:
    """Make a figure of one plot with its title, counts, label rule and notice."""
    figure = new_figure(6.4, height)
    axes = figure.add_axes((0.115, 1.02 / height, 0.845, 1 - 1.86 / height))
    style_axes(axes)
    annotate(figure, title, subtitle=results.counts, label_rule=results.label_rule)
    return figure, axes


def annotate(
    figure: Figure, title: str, *, subtitle: str, label_rule: str | None, left: float = 0.035
) -> None:
    """Write title and subtitle above, and the label rule and the notice below.

    Args:
        figure: The figure.
        title: First line.
        subtitle: Second line, such as the counts.
        label_rule: Definition of label 1, or None if the figure does not depend on labels.
        left: Left margin, as a share of the figure's width.
    """
    width, height = figure.get_size_inches()
    figure.text(left, 1 - 0.2 / height, title, va="top", size=13, weight="bold", color=INK)
    figure.text(left, 1 - 0.5 / height, subtitle, va="top", size=9, color=GREY)
    rule = "" if label_rule is None else f"Label rule: {label_rule}"
    lines = textwrap.wrap(rule, int(LETTERS_PER_INCH * width * (1 - 2 * left)))
    if len(lines) > 2:
        rest = textwrap.shorten(" ".join(lines[1:]), len(lines[0]), placeholder=" ...")
        lines = [lines[0], rest]
    text = "\n".join([*lines, RESEARCH_USE_ONLY])
    figure.text(left, 0.1 / height, text, va="bottom", size=7, color=GREY, linespacing=1.35)


def style_axes(axes: Axes) -> None:
    """Give axes a thin grid and no box."""
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.tick_params(colors=GREY, labelsize=8.5, length=0)
    for side in axes.spines.values():
        side.set_color(FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.label.set(size=9.5, color=INK)
    axes.yaxis.label.set(size=9.5, color=INK)


def add_legend(axes: Axes, **settings) -> None:
    """Add a legend in the style of all figures."""
    axes.legend(
        fontsize=8, labelcolor=INK, facecolor="white", edgecolor=FAINT, framealpha=0.95, **settings
    )


def to_rgb(figure: Figure) -> np.ndarray:
    """Draw a figure as `(H, W, 3)` uint8."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def interval_suffix(bounds: tuple[float | None, float | None]) -> str:
    """Return an interval to append to a value, such as ' [0.612, 0.744]'; empty if unknown."""
    low, high = bounds
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
