"""The tables of a training run's page."""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam.metrics.words import p_value
from lungcam.report.page import Html, join, tag

# name in metrics.json, its words, and what it says
FIGURES = (
    ("auc", "AUC", "how often a positive gets a higher probability than a negative; 0.5 is chance"),
    ("pr_auc", "PR-AUC", "average precision; chance gives the share of positives"),
    (
        "sensitivity_at_90_specificity",
        "Sensitivity at 90 % specificity",
        "positives found where at most a tenth of the negatives is called",
    ),
    (
        "sensitivity_at_95_specificity",
        "Sensitivity at 95 % specificity",
        "positives found where at most a twentieth of the negatives is called",
    ),
    ("recall", "Sensitivity", "share of the positives that is called, at the threshold"),
    ("specificity", "Specificity", "share of the negatives that is not called, at the threshold"),
    ("precision", "Precision", "share of the called that is positive, at the threshold"),
    ("accuracy", "Accuracy", "share that is called rightly, at the threshold"),
    ("brier", "Brier score", "mean squared error of the calibrated probability; 0 is best"),
    ("ece", "Calibration error", "by how much calibrated probabilities are off on average (ECE)"),
    (
        "peak_share",
        "Peak at the nodule",
        "positives whose map's peak lies within the nodule's radius + 5 mm",
    ),
    ("peak_share_random", "Random point there", "the same of a random point in the lungs"),
)


def metrics_table(told: Mapping[str, Any]) -> Html:
    """The figures of both splits with intervals, from metrics.json."""
    splits = {name: told[name] for name in ("test", "val")}
    rows = []
    for name, words, meaning in FIGURES:
        if all(one.get(name) is None for one in splits.values()):
            continue
        cells = join(
            tag(
                "<td>$value<br><small>$bounds</small></td>",
                value=number(one.get(name)),
                bounds=bounds_in_words(one.get(f"{name}_ci95")),
            )
            for one in splits.values()
        )
        rows.append(
            tag(
                '<tr><th scope="row">$words<br><small>$meaning</small></th>$cells</tr>',
                words=words,
                meaning=meaning,
                cells=cells,
            )
        )
    heads = join(
        tag(
            '<th scope="col">$split<br><small>$n, $positive positive</small></th>',
            split={"test": "Test", "val": "Validation"}[name],
            n=one["n"],
            positive=one["n_positive"],
        )
        for name, one in splits.items()
    )
    return tag(
        '<div class="scroll"><table><caption>Below a figure its 95 % interval, where one is '
        "computed. The threshold, $threshold, and the calibration were chosen on validation, "
        "whose own figures are therefore optimistic.</caption>"
        '<thead><tr><th scope="col">Figure</th>$heads</tr></thead><tbody>$rows</tbody></table>'
        "</div>",
        threshold=number(told["test"]["threshold"]),
        heads=heads,
        rows=join(rows),
    )


def baselines_table(figures: Mapping[str, Any]) -> Html:
    """Scores that need no network, and the net's differences to them.

    Args:
        figures: Of a split, from metrics.json.
    """
    rows = []
    for name, one in figures["against_baselines"].items():
        if one["difference"] is None:
            continue
        bounds = one["difference_ci95"]
        rows.append(
            tag(
                '<tr><th scope="row">$name<br><small>n = $n</small></th>'
                "<td>$alone<br><small>$alone_bounds</small></td><td>$net</td>"
                "<td>$difference<br><small>$bounds</small></td><td>$p</td></tr>",
                name=name.replace("_", " "),
                n=one["n"],
                alone=number(one["baseline_auc"]),
                alone_bounds=bounds_in_words(one["baseline_auc_ci95"]),
                net=number(one["auc"]),
                difference=_signed(one["difference"]),
                bounds="" if None in bounds else " to ".join(map(_signed, bounds)),
                p=p_value(one["p"]),
            )
        )
    if not rows:
        return Html("<p>No score that needs no network is known of these samples.</p>")
    return tag(
        '<div class="scroll"><table><caption>What a score reaches alone, without a network, and '
        "the net on the same samples. An interval of the difference that holds 0 shows no "
        'advantage.</caption><thead><tr><th scope="col">Baseline</th><th scope="col">Its AUC</th>'
        '<th scope="col">Net</th><th scope="col">Net less baseline</th><th scope="col">p</th></tr>'
        "</thead><tbody>$rows</tbody></table></div>",
        rows=join(rows),
    )


def number(value: float | None) -> str:
    """A figure; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def bounds_in_words(bounds: Sequence[float | None] | None) -> str:
    """An interval; empty where there is none."""
    if bounds is None or None in bounds:
        return ""
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
