"""Precision over recall, with the share of positives."""

import numpy as np
from matplotlib.figure import Figure

from lungcam.metrics.curves import precision_recall_curve
from lungcam.metrics.threshold import at_threshold
from lungcam.report.figure import GREY, NET, Shown, legend, plot, span


def draw_precision_recall(shown: Shown) -> Figure:
    """Draw precision over recall, the prevalence, and the operating point."""
    figure, axes = plot(shown, "Precision over recall")
    told = shown.figures
    prevalence = told["n_positive"] / told["n"]
    axes.axhline(
        prevalence,
        color=GREY,
        linewidth=1,
        linestyle=(0, (2, 3)),
        label=f"prevalence {prevalence:.2f}: what chance gives",
    )
    recall, precision = precision_recall_curve(shown.labels, shown.probabilities)
    axes.step(
        np.r_[0, recall],
        np.r_[precision[0], precision],
        where="pre",
        color=NET,
        linewidth=2.2,
        label=f"net: PR-AUC {told['pr_auc']:.3f}{span(told['pr_auc_ci95'])}",
    )
    point = at_threshold(shown.labels, shown.probabilities, told["threshold"])
    if point["precision"] is not None:
        axes.plot(
            point["recall"],
            point["precision"],
            "o",
            color="white",
            markeredgecolor=NET,
            markeredgewidth=2,
            markersize=8,
            label=f"threshold {told['threshold']:.2f}, chosen on validation",
        )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.03),
        xlabel="recall (sensitivity)",
        ylabel="precision (positive predictive value)",
    )
    legend(axes, loc="lower left")
    return figure
