"""Figures of a run's page: its main result, and the tables of metrics and baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lungcam.metrics.summary import p_value
from lungcam.report.page import Html, join, tag

# key in metrics.json, name and meaning
BINARY_METRICS = (
    (
        "auc",
        "AUC",
        "how often a positive has a higher probability than a negative; 0.5 is chance",
    ),
    ("pr_auc", "PR-AUC", "average precision; chance gives the share of positives"),
    (
        "sensitivity_at_90_specificity",
        "Sensitivity at 90 % specificity",
        "share of the positives that are called if at most 10 % of the negatives are called",
    ),
    (
        "sensitivity_at_95_specificity",
        "Sensitivity at 95 % specificity",
        "share of the positives that are called if at most 5 % of the negatives are called",
    ),
    ("recall", "Sensitivity", "share of the positives that are called, at the threshold"),
    ("specificity", "Specificity", "share of the negatives that are not called, at the threshold"),
    ("precision", "Precision", "share of the called samples that are positive, at the threshold"),
    ("accuracy", "Accuracy", "share of the samples that are called correctly, at the threshold"),
    ("brier", "Brier score", "mean squared error of the calibrated probability; 0 is best"),
    ("ece", "Calibration error", "mean gap between probability and frequency (ECE)"),
    (
        "peak_share",
        "Peak at the nodule",
        "share of the positives with the map's peak within the nodule's radius + 5 mm",
    ),
    (
        "peak_share_random",
        "Random point at the nodule",
        "the same for a random point in the lungs",
    ),
)
SPLIT_NAMES = {"test": "Test", "val": "Validation"}
NO_BASELINE = Html("<p>No baseline is known for these samples.</p>")


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """Figures of a run as its page shows them.

    Attributes:
        head: Main result.
        table: Metrics of both splits.
        baselines: Comparison with baselines on the test split.
        baselines_val: The same on the validation split.
    """

    head: Html
    table: Html
    baselines: Html = NO_BASELINE
    baselines_val: Html = NO_BASELINE


def binary_figures(metrics: Mapping[str, Any]) -> RunFigures:
    """Make the figures of a label of 0 and 1.

    Args:
        metrics: As in metrics.json.
    """
    test = metrics["test"]
    threshold = format_value(test["threshold"])
    return RunFigures(
        head=headline(
            format_value(test["auc"]),
            "AUC on the test split",
            bounds=test["auc_ci95"],
            texts=[
                f"{test['n']} samples of {test['n_patients']} patients, {test['n_positive']} "
                "positive.",
                f"Label rule: {metrics['label_rule']}.",
            ],
        ),
        table=metrics_table(
            metrics,
            BINARY_METRICS,
            chosen=f"The threshold, {threshold}, and the calibration were chosen on the validation "
            "split, so the values of that split are optimistic.",
            count=lambda split: f"{split['n']}, {split['n_positive']} positive",
        ),
        baselines=baselines_table(test),
        baselines_val=baselines_table(metrics["val"]),
    )


def headline(
    value: str,
    name: str,
    *,
    bounds: Sequence[float | None] | None,
    texts: Sequence[str],
    unit: str = "",
) -> Html:
    """Make the main result of a run.

    Args:
        value: The figure.
        name: Its name and split.
        bounds: Its 95 % interval, if one is computed.
        texts: Sentences below it.
        unit: Unit of the bounds.
    """
    known = format_bounds(bounds)
    interval = f"95 % interval {known}{unit}" if known else "95 % interval not known"
    return tag(
        '<div class="head"><div class="main">$value</div><div><div class="call">$name, $interval'
        "</div>$texts</div></div>",
        value=value,
        name=name,
        interval=interval,
        texts=join(tag("<p>$text</p>", text=text) for text in texts),
    )


def metrics_table(
    metrics: Mapping[str, Any],
    titles: Sequence[tuple[str, str, str]],
    *,
    chosen: str,
    count: Callable[[Mapping[str, Any]], str] = lambda split: f"{split['n']} samples",
) -> Html:
    """Make the table of the metrics of both splits, with intervals.

    Args:
        metrics: As in metrics.json.
        titles: Key in the figures of a split, name and meaning of each metric.
        chosen: Sentence on what was chosen on the validation split.
        count: Function of a split's figures that returns its number of samples in words.
    """
    splits = {name: metrics[name] for name in SPLIT_NAMES}
    rows = [
        _metric_row(splits, key, title=title, meaning=meaning)
        for key, title, meaning in titles
        if any(split.get(key) is not None for split in splits.values())
    ]
    heads = join(
        tag(
            '<th scope="col">$split<br><small>$count</small></th>',
            split=SPLIT_NAMES[name],
            count=count(split),
        )
        for name, split in splits.items()
    )
    return tag(
        '<div class="scroll"><table><caption>Below each value is its 95 % interval, if one is '
        "computed. $chosen</caption>"
        '<thead><tr><th scope="col">Metric</th>$heads</tr></thead><tbody>$rows</tbody></table>'
        "</div>",
        chosen=chosen,
        heads=heads,
        rows=join(rows),
    )


def _metric_row(splits: Mapping[str, Any], key: str, *, title: str, meaning: str) -> Html:
    cells = join(
        tag(
            "<td>$value<br><small>$bounds</small></td>",
            value=format_value(split.get(key)),
            bounds=format_bounds(split.get(f"{key}_ci95")),
        )
        for split in splits.values()
    )
    return tag(
        '<tr><th scope="row">$title<br><small>$meaning</small></th>$cells</tr>',
        title=title,
        meaning=meaning,
        cells=cells,
    )


def baselines_table(metrics: Mapping[str, Any]) -> Html:
    """Make the table of the baselines, and of the net's differences from them.

    Args:
        metrics: Metrics of a split, as in metrics.json.
    """
    rows = [
        _baseline_row(name, comparison)
        for name, comparison in metrics["against_baselines"].items()
        if comparison["difference"] is not None
    ]
    if not rows:
        return NO_BASELINE
    return tag(
        '<div class="scroll"><table><caption>A baseline is a score without a network; the net is '
        "compared on the same samples. An interval of the difference that contains 0 shows no "
        'advantage.</caption><thead><tr><th scope="col">Baseline</th><th scope="col">AUC</th>'
        '<th scope="col">Net</th><th scope="col">Net minus baseline</th><th scope="col">p</th></tr>'
        "</thead><tbody>$rows</tbody></table></div>",
        rows=join(rows),
    )


def _baseline_row(name: str, comparison: Mapping[str, Any]) -> Html:
    bounds = comparison["difference_ci95"]
    return tag(
        '<tr><th scope="row">$name<br><small>n = $n</small></th>'
        "<td>$auc<br><small>$auc_bounds</small></td><td>$net</td>"
        "<td>$difference<br><small>$bounds</small></td><td>$p</td></tr>",
        name=name.replace("_", " "),
        n=comparison["n"],
        auc=format_value(comparison["baseline_auc"]),
        auc_bounds=format_bounds(comparison["baseline_auc_ci95"]),
        net=format_value(comparison["auc"]),
        difference=format_signed(comparison["difference"]),
        bounds="" if None in bounds else " to ".join(map(format_signed, bounds)),
        p=p_value(comparison["p"]),
    )


def format_value(value: float | None) -> str:
    """Format a metric; a dash if it is unknown."""
    return "–" if value is None else f"{value:.3f}"


def format_bounds(bounds: Sequence[float | None] | None) -> str:
    """Format the bounds of an interval; empty if unknown."""
    if bounds is None or None in bounds:
        return ""
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def format_signed(value: float) -> str:
    """Format a difference with its sign."""
    return f"{value:+.3f}".replace("-", "−")
