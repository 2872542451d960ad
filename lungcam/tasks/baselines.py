"""Baselines of a label of 0 and 1 in lines for the console."""

from collections.abc import Mapping
from typing import Any

from lungcam.metrics.summary import p_value, with_interval


def baseline_lines(comparisons: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Put each baseline's AUC, and the net's difference to it, into a line.

    Args:
        comparisons: `against_baselines` of metrics.json.
    """
    lines = []
    for name, comparison in comparisons.items():
        if comparison["difference"] is None:
            continue
        difference = with_interval(
            comparison["difference"], comparison["difference_ci95"], sign="+"
        )
        lines.append(
            f"baseline: {name} alone has AUC {comparison['baseline_auc']:.3f}; net less baseline "
            f"{difference}, {p_value(comparison['p'])}, n = {comparison['n']}"
        )
    return lines
