"""Tables of a predicted number in the pages of a run and of a scan."""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam.report.page import Html, join, tag
from lungcam.report.run_figures import (
    NO_BASELINE,
    RunFigures,
    format_signed,
    format_value,
    headline,
    metrics_table,
)


def number_metrics(unit: str) -> tuple[tuple[str, str, str], ...]:
    """Return key in metrics.json, name and meaning of each metric.

    Args:
        unit: Unit of the number, with a comma before; empty if it has none.
    """
    return (
        ("mae", f"Mean absolute error{unit}", "mean distance of prediction and truth"),
        ("rmse", f"RMSE{unit}", "root of the mean squared error; large errors count more"),
        ("r2", "R²", "share of the variance that is explained; 0 is no better than the mean"),
        ("spearman", "Rank correlation", "Spearman's: 1 if the order is right throughout"),
        ("bias", f"Bias{unit}", "mean of prediction less truth"),
    )


def number_figures(metrics: Mapping[str, Any], *, title: str, unit: str) -> RunFigures:
    """Make the figures of a run's page.

    Args:
        metrics: Content of metrics.json.
        title: Name of the number.
        unit: Its unit, empty if it has none.
    """
    test = metrics["test"]
    after = f" {unit}" if unit else ""
    low, high = test["limits_of_agreement"]
    texts = [
        f"{title}; {test['n']} samples of {test['n_patients']} patients. R² "
        f"{format_value(test['r2'])}.",
        f"Limits of agreement: {low:+.2f} to {high:+.2f}{after}.",
    ]
    if "interval" in test:
        interval = test["interval"]
        texts.append(
            f"Prediction intervals, {interval['width']:.2f}{after} wide, hold "
            f"{interval['coverage']:.0%} of the test samples; chosen for "
            f"{metrics['fit']['coverage']:.0%}."
        )
    texts.append(f"Target: {metrics['label_rule']}.")
    return RunFigures(
        head=headline(
            f"{test['mae']:.2f}{after}",
            "mean absolute error on the test split",
            bounds=test["mae_ci95"],
            texts=texts,
            unit=after,
        ),
        table=metrics_table(
            metrics,
            number_metrics(f", {unit}" if unit else ""),
            chosen="The width of the prediction intervals was chosen on the validation split.",
        ),
        baselines=_baselines(test),
        baselines_val=_baselines(metrics["val"]),
    )


def number_section(prediction: Mapping[str, Any], *, title: str) -> Html:
    """Make the number and its interval, for a scan's page.

    Args:
        prediction: Content of prediction.json.
        title: Name of the number.
    """
    unit = prediction.get("unit", "")
    interval = prediction.get("interval")
    text = "No prediction interval: the validation split was too small."
    if interval:
        low, high = interval
        text = (
            f"{prediction['coverage']:.0%} prediction interval: {low:.1f} to {high:.1f} {unit}. "
            "Its width is that of the errors on the validation split, the same for all scans."
        )
    return tag(
        '<div class="answer"><div class="probability" title="number">$value</div><div>'
        '<div class="call">$title</div><p>$text</p></div></div>',
        value=f"{prediction['number']:.1f} {unit}".strip(),
        title=title,
        text=text,
    )


def _baselines(figures: Mapping[str, Any]) -> Html:
    rows = [
        tag(
            '<tr><th scope="row">$name<br><small>n = $n</small></th><td>$mae</td><td>$net</td>'
            "<td>$difference<br><small>$bounds</small></td></tr>",
            name=name.replace("_", " "),
            n=comparison["n"],
            mae=format_value(comparison["baseline_mae"]),
            net=format_value(comparison["mae"]),
            difference=format_signed(comparison["difference"]),
            bounds=_bounds(comparison["difference_ci95"]),
        )
        for name, comparison in figures["against_baselines"].items()
    ]
    if not rows:
        return NO_BASELINE
    return tag(
        '<div class="scroll"><table><caption>Mean absolute errors. mean: the training split\'s '
        "mean for all samples; others: a straight line of a score without a network, fitted to the "
        "training split. Below 0 the net is better.</caption><thead><tr>"
        '<th scope="col">Baseline</th><th scope="col">Error</th><th scope="col">Net</th>'
        '<th scope="col">Net minus baseline</th></tr></thead><tbody>$rows</tbody></table></div>',
        rows=join(rows),
    )


def _bounds(bounds: Sequence[float | None]) -> str:
    return "" if None in bounds else " to ".join(map(format_signed, bounds))
