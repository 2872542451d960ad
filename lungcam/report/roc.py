"""The ROC curve with its band, beside what needs no network."""

from matplotlib.figure import Figure

from lungcam.metrics.curves import STEPS, roc_band, roc_curve
from lungcam.metrics.words import p_value
from lungcam.report.figure import GREY, NET, OTHERS, Shown, legend, plot, span


def draw_roc(shown: Shown) -> Figure:
    """Draw the net's ROC curve, its 95 % band over patients, and the three best baselines'.

    A baseline's curve is over the samples where it is known; the legend says how many.
    """
    figure, axes = plot(shown, "ROC curve, with what needs no network")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    told = shown.figures
    # where no resample errs, a band would be a line that claims certainty
    if 0 < told["auc"] < 1:
        low, high = roc_band(shown.labels, shown.probabilities, shown.patients, shown.seed)
        axes.fill_between(
            STEPS, low, high, color=NET, alpha=0.13, linewidth=0, label="95 % band, by patient"
        )
    compared = {
        name: one
        for name, one in told["against_baselines"].items()
        if one["baseline_auc"] is not None
    }
    best = sorted(compared, key=lambda name: -compared[name]["baseline_auc"])[: len(OTHERS)]
    for name, colour in zip(best, OTHERS, strict=False):
        one, scores = compared[name], shown.baselines[name]
        known = scores == scores
        # straight through ties, so that the area is the AUC that counts them half
        axes.plot(
            *roc_curve(shown.labels[known], scores[known]),
            color=colour,
            linewidth=1.3,
            linestyle=(0, (5, 2)),
            label=f"{name.replace('_', ' ')} alone {one['baseline_auc']:.3f}"
            f"{span(one['baseline_auc_ci95'])}, n = {one['n']}\n"
            f"    net {one['difference']:+.3f}, {p_value(one['p'])}",
        )
    axes.plot(
        *roc_curve(shown.labels, shown.probabilities),
        color=NET,
        linewidth=2.2,
        label=f"net: AUC {told['auc']:.3f}{span(told['auc_ci95'])}",
    )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="false positive rate (1 - specificity)",
        ylabel="true positive rate (sensitivity)",
    )
    legend(axes, loc="lower right")
    return figure
