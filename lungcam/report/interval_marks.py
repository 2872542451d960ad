"""Marks with their intervals."""

from collections.abc import Sequence

from matplotlib.axes import Axes

# a figure, None where unknown, and the bounds of its interval, None likewise
Point = tuple[float | None, Sequence[float | None]]


def yearly_marks(
    axes: Axes,
    points: Sequence[Point],
    beside: float,
    colour: str,
    marker: str,
    label: str,
    line: str = "none",
) -> None:
    """Draw marks at the years 1, 2, ..., moved `beside` them; unknown ones are left out."""
    known = [(year, point) for year, point in enumerate(points, 1) if point[0] is not None]
    years = [year + beside for year, _ in known]
    marks(axes, years, [point for _, point in known], colour, marker, label, line)


def marks(
    axes: Axes,
    at: Sequence[float],
    points: Sequence[Point],
    colour: str,
    marker: str,
    label: str,
    line: str = "none",
) -> None:
    """Draw marks, and a bar for each interval that is known."""
    told = [(x, *bounds) for x, (_, bounds) in zip(at, points, strict=True) if None not in bounds]
    if told:
        x, low, high = zip(*told, strict=True)
        axes.vlines(x, low, high, color=colour, alpha=0.5, linewidth=1.6)
    axes.plot(
        at,
        [value for value, _ in points],
        color=colour,
        marker=marker,
        markersize=6,
        markeredgecolor="white",
        linestyle=line,
        linewidth=1.4,
        label=label,
    )
