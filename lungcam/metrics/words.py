"""Figures in words, as commands print them and pictures show them."""

from collections.abc import Sequence


def with_interval(value: float, bounds: Sequence[float | None], sign: str = "") -> str:
    """A figure and its 95 % interval; `sign="+"` shows both signs."""
    low, high = bounds
    if low is None or high is None:
        return f"{value:{sign}.3f} (95 % interval not known: no resample moves it)"
    return f"{value:{sign}.3f} (95 % interval {low:{sign}.3f} to {high:{sign}.3f})"


def p_value(p: float) -> str:
    """A p-value; below 0.001 the resamples cannot tell."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
