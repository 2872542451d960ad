"""What all figures share: size, colours, words above and below. No global state of pyplot."""

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
OTHERS = ("#c2410c", "#3f7d20", "#7e57a6")
DPI = 150


@dataclass(frozen=True, eq=False, kw_only=True)
class Shown:
    """What the figures of a split show.

    Attributes:
        split: Its name.
        labels: `(N,)` of 0 and 1, both of them.
        raw: `(N,)` probabilities before calibration.
        probabilities: `(N,)` calibrated.
        patients: `(N,)`.
        baselines: Scores `(N,)` that need no network; NaN where unknown.
        figures: Of the split, as in metrics.json.
        label_rule: What label 1 means.
        seed: Of the bootstrap.
    """

    split: str
    labels: np.ndarray
    raw: np.ndarray
    probabilities: np.ndarray
    patients: np.ndarray
    baselines: Mapping[str, np.ndarray]
    figures: Mapping[str, object]
    label_rule: str
    seed: int

    @property
    def counts(self) -> str:
        """Numbers of samples, positives and patients, in words."""
        return counts_in_words(self.split, self.figures)


def counts_in_words(split: str, figures: Mapping[str, object]) -> str:
    """Return the numbers of samples, positives and patients of a split.

    Args:
        split: Name of the split.
        figures: Figures of the split, as in metrics.json.
    """
    n, positive, patients = (figures[name] for name in ("n", "n_positive", "n_patients"))
    return f"{split}: n = {n} ({positive} positive) of {patients} patients"


def blank(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plot(shown: Shown, title: str, *, height: float = 6.6) -> tuple[Figure, Axes]:
    """A figure of one plot with its title, its counts, the label rule and the notice."""
    figure = blank(6.4, height)
    axes = figure.add_axes((0.115, 1.02 / height, 0.845, 1 - 1.86 / height))
    tidy(axes)
    annotate(figure, title, below=shown.counts, label_rule=shown.label_rule)
    return figure, axes


def annotate(
    figure: Figure, title: str, *, below: str, label_rule: str | None, left: float = 0.035
) -> None:
    """Title and counts above; notice and, where labels matter, their rule below."""
    width, height = figure.get_size_inches()
    figure.text(left, 1 - 0.2 / height, title, va="top", size=13, weight="bold", color=INK)
    figure.text(left, 1 - 0.5 / height, below, va="top", size=9, color=GREY)
    # 13.5 letters of this size fill an inch
    told = "" if label_rule is None else f"Label rule: {label_rule}"
    rule = textwrap.wrap(told, int(13.5 * width * (1 - 2 * left)))
    if len(rule) > 2:
        rule = [rule[0], textwrap.shorten(" ".join(rule[1:]), len(rule[0]), placeholder=" ...")]
    words = "\n".join([*rule, RESEARCH_USE_ONLY])
    figure.text(left, 0.1 / height, words, va="bottom", size=7, color=GREY, linespacing=1.35)


def tidy(axes: Axes) -> None:
    """Thin grid, no box."""
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.tick_params(colors=GREY, labelsize=8.5, length=0)
    for side in axes.spines.values():
        side.set_color(FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.label.set(size=9.5, color=INK)
    axes.yaxis.label.set(size=9.5, color=INK)


def legend(axes: Axes, **place) -> None:
    """A legend in the figures' ink."""
    axes.legend(
        fontsize=8, labelcolor=INK, facecolor="white", edgecolor=FAINT, framealpha=0.95, **place
    )


def rgb(figure: Figure) -> np.ndarray:
    """Draw a figure as `(H, W, 3)` uint8."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def span(bounds: tuple[float | None, float | None]) -> str:
    """An interval in few letters; empty where there is none."""
    low, high = bounds
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
