"""Page of a training run: its metrics, baselines, figures, and best and worst cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.metrics.summary import p_value
from lungcam.report.page import Html, asset, data_url, definitions, fill, join, sentences, tag
from lungcam.report.scan_cards import VERDICTS

# key in metrics.json, name and meaning
METRICS = (
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
RULE_TITLES = {
    "auc_ci95": "Intervals",
    "pr_auc": "PR-AUC",
    "sensitivity_at": "Sensitivity at a specificity",
    "against_baselines": "Against baselines",
    "threshold": "Threshold",
    "calibration": "Calibration",
}
MAX_EXCLUDED_NAMES = 20


@dataclass(frozen=True, kw_only=True)
class ReportCase:
    """Best or worst case of a run, or the fact that there is none.

    Attributes:
        title: Description, such as the positive that was called most confidently.
        facts: Names and values; empty if there is no such sample.
        png: Slices of the sample, or None.
    """

    title: str
    facts: Sequence[tuple[str, object]] = ()
    png: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class RunReport:
    """Contents of a run's page.

    Attributes:
        name: Name of the run.
        metrics: As in metrics.json.
        titles: Titles of the figures by name, in the order of the page.
        figures: PNGs by name; figures that were not drawn are missing.
        cases: Best and worst cases.
        localisation: Lines on the localisation by the heat-maps.
        excluded: Ids of samples that could not be used.
        overview: Names and values of the configuration.
        mark: Warning of heat-maps that failed their checks, or None.
    """

    name: str
    metrics: Mapping[str, Any]
    titles: Mapping[str, str]
    figures: Mapping[str, bytes]
    cases: Sequence[ReportCase]
    localisation: Sequence[str]
    excluded: Sequence[str]
    overview: Sequence[tuple[str, object]]
    mark: str | None = None


def run_page(report: RunReport) -> Html:
    """Make the page of a run, as a single file."""
    metrics = report.metrics
    rules = ((RULE_TITLES.get(name, name), rule) for name, rule in metrics["rules"].items())
    return fill(
        "run.html",
        name=report.name,
        version=__version__,
        style=join((asset("style.css"), asset("run.css"))),
        notice=RESEARCH_USE_ONLY,
        head=_headline(metrics),
        metrics=metrics_table(metrics),
        baselines=baselines_table(metrics["test"]),
        baselines_val=baselines_table(metrics["val"]),
        rules=definitions(rules),
        mark=tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html(),
        cases=join(map(_case, report.cases)),
        explanation=_explanation(report),
        figures=_figures(report),
        cohort=_cohort(report),
        overview=definitions(report.overview),
        versions=definitions(metrics["versions"].items()),
    )


def metrics_table(metrics: Mapping[str, Any]) -> Html:
    """Make the table of the metrics of both splits, with intervals.

    Args:
        metrics: As in metrics.json.
    """
    splits = {name: metrics[name] for name in SPLIT_NAMES}
    rows = [
        _metric_row(splits, key, title=title, meaning=meaning)
        for key, title, meaning in METRICS
        if any(split.get(key) is not None for split in splits.values())
    ]
    heads = join(
        tag(
            '<th scope="col">$split<br><small>$n, $positive positive</small></th>',
            split=SPLIT_NAMES[name],
            n=split["n"],
            positive=split["n_positive"],
        )
        for name, split in splits.items()
    )
    return tag(
        '<div class="scroll"><table><caption>Below each value is its 95 % interval, if one is '
        "computed. The threshold, $threshold, and the calibration were chosen on the validation "
        "split, so the values of that split are optimistic.</caption>"
        '<thead><tr><th scope="col">Metric</th>$heads</tr></thead><tbody>$rows</tbody></table>'
        "</div>",
        threshold=format_value(metrics["test"]["threshold"]),
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
        return Html("<p>No baseline is known for these samples.</p>")
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
        difference=_format_signed(comparison["difference"]),
        bounds="" if None in bounds else " to ".join(map(_format_signed, bounds)),
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


def _format_signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _headline(metrics: Mapping[str, Any]) -> Html:
    test = metrics["test"]
    bounds = format_bounds(test["auc_ci95"])
    interval = f"95 % interval {bounds}" if bounds else "95 % interval not known"
    return tag(
        '<div class="head"><div class="main">$auc</div><div><div class="call">AUC on the test '
        "split, $interval</div><p>$n samples of $patients patients, $positive positive.</p>"
        "<p>Label rule: $rule.</p></div></div>",
        auc=format_value(test["auc"]),
        interval=interval,
        n=test["n"],
        patients=test["n_patients"],
        positive=test["n_positive"],
        rule=metrics["label_rule"],
    )


def _case(case: ReportCase) -> Html:
    if not case.facts:
        return tag(
            '<div class="case"><h3>$title</h3><p>No such sample.</p></div>', title=case.title
        )
    slices = Html()
    if case.png is not None:
        slices = tag(
            '<figure><img src="$source" alt="$text"><figcaption>Axial slice; axial and coronal '
            "slices with the evidence for the positive class. Ring: known lesion."
            "</figcaption></figure>",
            source=data_url(case.png),
            text=f"Slices through the heat-map's peak: {case.title}",
        )
    return tag(
        '<div class="case"><h3>$title</h3>$slices$facts</div>',
        title=case.title,
        slices=slices,
        facts=definitions(case.facts),
    )


def _figures(report: RunReport) -> Html:
    return join(
        tag(
            '<figure class="$name"><img src="$source" alt="$title"></figure>',
            name=name,
            source=data_url(report.figures[name]),
            title=title,
        )
        for name, title in report.titles.items()
        if name in report.figures
    )


def _explanation(report: RunReport) -> Html:
    """Make the verdict on the heat-maps and the lines on their localisation."""
    explanation = report.metrics.get("explanation")
    if explanation is None:
        verdict = tag(
            '<p class="verdict unchecked">$text Train with explain.benchmark=true to check them.'
            "</p>",
            text=VERDICTS["unchecked"],
        )
    else:
        verdict = tag(
            '<p class="verdict $verdict">$text</p>$reasons',
            verdict=explanation["verdict"],
            text=VERDICTS[explanation["verdict"]],
            reasons=sentences(explanation["reasons"]),
        )
    if not report.localisation:
        return verdict
    return tag(
        "$verdict<h3>Localisation by the heat-maps of the test split</h3>$lines",
        verdict=verdict,
        lines=sentences(line.strip() for line in report.localisation),
    )


def _cohort(report: RunReport) -> Html:
    """Make the notes on the cohort and on the excluded samples."""
    notes = [*report.metrics["cohort_notes"]]
    if report.excluded:
        names = ", ".join(report.excluded[:MAX_EXCLUDED_NAMES])
        more = len(report.excluded) - MAX_EXCLUDED_NAMES
        rest = f" and {more} more" if more > 0 else ""
        notes.append(
            f"{len(report.excluded)} samples could not be used: {names}{rest}; quality.csv lists "
            "the reasons."
        )
    return sentences(notes) or Html("<p>No samples were excluded.</p>")
