"""Tables of several classes in the pages of a run and of a scan."""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam.report.page import Html, join, tag
from lungcam.report.run_figures import (
    NO_BASELINE,
    RunFigures,
    format_bounds,
    format_signed,
    format_value,
    headline,
    metrics_table,
)

# key in metrics.json, name and meaning
CLASS_METRICS = (
    ("auc_macro", "Macro AUC", "mean over the classes of the AUC of one against the others"),
    ("accuracy", "Accuracy", "share of the samples that are called rightly"),
    ("balanced_accuracy", "Balanced accuracy", "the same share of each class, averaged"),
    ("brier", "Brier score", "squared distance of probabilities and outcome; 0 is best, 2 worst"),
    ("ece", "Calibration error", "mean gap of the called class's probability and its frequency"),
)


def class_figures(metrics: Mapping[str, Any], names: Sequence[str]) -> RunFigures:
    """Make the figures of a run's page.

    Args:
        metrics: Content of metrics.json.
        names: Names of the classes.
    """
    test = metrics["test"]
    counts = ", ".join(f"{count} {name}" for name, count in test["n_by_class"].items())
    table = metrics_table(
        metrics,
        CLASS_METRICS,
        chosen="The temperature of the calibration was chosen on the validation split, so the "
        "Brier score and the calibration error of that split are optimistic.",
    )
    return RunFigures(
        head=headline(
            format_value(test["auc_macro"]),
            "macro AUC on the test split",
            bounds=test["auc_macro_ci95"],
            texts=[
                f"{test['n']} samples of {test['n_patients']} patients: {counts}.",
                f"Label rule: {metrics['label_rule']}.",
            ],
        ),
        table=join([table, _auc_table(metrics, names)]),
        baselines=_baselines(test, names),
        baselines_val=_baselines(metrics["val"], names),
    )


def probabilities_table(prediction: Mapping[str, Any]) -> Html:
    """Make the called class and the probability of each class, for a scan's page.

    Args:
        prediction: Content of prediction.json.
    """
    probabilities = prediction["probabilities"]
    called = prediction["class"]
    rows = join(
        tag(
            '<tr><th scope="row">$name</th><td>$value</td><td>$bar</td></tr>',
            name=name,
            value=f"{value:.3f}",
            bar=tag(
                '<div class="meter" role="img" aria-label="$text" style="min-width:10em">'
                '<i style="width:$width%"></i></div>',
                text=f"{name}: {value:.3f}",
                width=f"{100 * value:.1f}",
            ),
        )
        for name, value in probabilities.items()
    )
    if prediction["calibrated"]:
        text = "The probabilities are calibrated by a temperature, fitted to the validation split."
    else:
        text = "The probabilities are not calibrated."
    return tag(
        '<div class="answer"><div class="probability" title="probability">$value</div><div>'
        '<div class="call">$called</div><p>the most probable of $count classes</p></div></div>'
        '<div class="scroll"><table><caption>Probability of each class</caption><tbody>$rows'
        "</tbody></table></div><p>$text</p>",
        value=f"{probabilities[called]:.3f}",
        called=f"Called {called}",
        count=len(probabilities),
        rows=rows,
        text=text,
    )


def _auc_table(metrics: Mapping[str, Any], names: Sequence[str]) -> Html:
    """Make the table of the AUC of each class."""

    def cell(split: str, name: str) -> Html:
        auc = metrics[split]["auc_by_class"][name]
        return tag(
            "<td>$value<br><small>$bounds</small></td>",
            value=format_value(auc["value"]),
            bounds=format_bounds(auc["ci95"]),
        )

    rows = join(
        tag(
            '<tr><th scope="row">$name<br><small>$n test samples</small></th>$test$val</tr>',
            name=name,
            n=metrics["test"]["n_by_class"][name],
            test=cell("test", name),
            val=cell("val", name),
        )
        for name in names
    )
    return tag(
        '<div class="scroll"><table><caption>AUC of each class against the others.</caption>'
        '<thead><tr><th scope="col">Class</th><th scope="col">Test</th>'
        '<th scope="col">Validation</th></tr></thead><tbody>$rows</tbody></table></div>',
        rows=rows,
    )


def _baselines(figures: Mapping[str, Any], names: Sequence[str]) -> Html:
    """Make the tables of the majority, and of the scores that need no network."""
    majority = figures["majority"]
    text = tag(
        "<p>Always $name, the most frequent class of the training split: accuracy $accuracy, "
        "balanced accuracy $balanced.</p>",
        name=majority["class"],
        accuracy=format_value(majority["accuracy"]),
        balanced=format_value(majority["balanced_accuracy"]),
    )
    rows = [
        tag(
            '<tr><th scope="row">$baseline<br><small>$name</small></th><td>$auc</td><td>$net</td>'
            "<td>$difference<br><small>$bounds</small></td></tr>",
            baseline=baseline.replace("_", " "),
            name=name,
            auc=format_value(by_class[name]["baseline_auc"]),
            net=format_value(by_class[name]["auc"]),
            difference=format_signed(by_class[name]["difference"]),
            bounds=_signed_bounds(by_class[name]["difference_ci95"]),
        )
        for baseline, by_class in figures["against_baselines"].items()
        for name in names
        if by_class[name]["difference"] is not None
    ]
    if not rows:
        return join([text, NO_BASELINE])
    table = tag(
        '<div class="scroll"><table><caption>A baseline is a score without a network; its AUC for '
        "each class against the others. Large or small values speak for a class as in the training "
        "split.</caption><thead>"
        '<tr><th scope="col">Baseline</th><th scope="col">AUC</th><th scope="col">Net</th>'
        '<th scope="col">Net minus baseline</th></tr></thead><tbody>$rows</tbody></table></div>',
        rows=join(rows),
    )
    return join([text, table])


def _signed_bounds(bounds: Sequence[float | None]) -> str:
    return "" if None in bounds else " to ".join(map(format_signed, bounds))
