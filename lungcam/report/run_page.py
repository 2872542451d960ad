"""Page of a training run: its metrics, baselines, figures, and best and worst cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lungcam.report.page import (
    Html,
    data_url,
    definitions,
    fill,
    framed,
    join,
    sentences,
    tag,
)
from lungcam.report.run_figures import RunFigures
from lungcam.report.scan_cards import VERDICTS

RULE_TITLES = {
    "auc_ci95": "Intervals",
    "pr_auc": "PR-AUC",
    "sensitivity_at": "Sensitivity at a specificity",
    "against_baselines": "Against baselines",
    "threshold": "Threshold",
    "calibration": "Calibration",
    "call": "Called class",
    "balanced_accuracy": "Balanced accuracy",
    "auc_by_class": "AUC of a class",
    "ci95": "Intervals",
    "brier": "Brier score",
    "ece": "Calibration error",
    "baselines": "Baselines",
    "mae": "Mean absolute error",
    "rmse": "RMSE",
    "r2": "R²",
    "spearman": "Rank correlation",
    "bias": "Bias and limits of agreement",
    "interval": "Prediction interval",
    "loss": "Loss",
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


@dataclass(frozen=True, kw_only=True)
class ReportError:
    """Wrong answer of a run.

    Attributes:
        name: Name of the sample.
        kind: Kind of error, such as false positive.
        answer: Answer and truth.
        png: Slices of the sample, or None.
    """

    name: str
    kind: str
    answer: str
    png: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class RunReport:
    """Contents of a run's page.

    Attributes:
        name: Name of the run.
        metrics: As in metrics.json.
        results: Its figures.
        titles: Titles of the figures by name, in the order of the page.
        figures: PNGs by name; figures that were not drawn are missing.
        cases: Best and worst cases.
        localisation: Lines on the localisation by the heat-maps.
        excluded: Ids of samples that could not be used.
        overview: Names and values of the configuration.
        evidence: What a heat-map shows evidence for.
        checkable: True if `explain.benchmark` can check the heat-maps.
        mark: Warning of heat-maps that failed their checks, or None.
        errors: Wrong answers of the test split.
        more_errors: Number of further ones.
        command: Command that trains the run again.
    """

    name: str
    metrics: Mapping[str, Any]
    results: RunFigures
    titles: Mapping[str, str]
    figures: Mapping[str, bytes]
    cases: Sequence[ReportCase]
    localisation: Sequence[str]
    excluded: Sequence[str]
    overview: Sequence[tuple[str, object]]
    evidence: str = "the positive class"
    checkable: bool = True
    mark: str | None = None
    errors: Sequence[ReportError] = ()
    more_errors: int = 0
    command: str = ""


def run_page(report: RunReport) -> Html:
    """Make the page of a run, as a single file."""
    metrics = report.metrics
    rules = ((RULE_TITLES.get(name, name), rule) for name, rule in metrics["rules"].items())
    main = fill(
        "run.html",
        head=report.results.head,
        metrics=report.results.table,
        baselines=report.results.baselines,
        baselines_val=report.results.baselines_val,
        rules=definitions(rules),
        mark=tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html(),
        cases=join(_case(case, report.evidence) for case in report.cases),
        explanation=_explanation(report),
        errors=_errors(report),
        command=report.command,
        figures=_figures(report),
        cohort=_cohort(report),
        overview=definitions(report.overview),
        versions=definitions(metrics["versions"].items()),
    )
    return framed(report.name, main, kind="report of a training run", style="run.css")


def _case(case: ReportCase, evidence: str) -> Html:
    if not case.facts:
        return tag(
            '<div class="case"><h3>$title</h3><p>No such sample.</p></div>', title=case.title
        )
    slices = Html()
    if case.png is not None:
        slices = tag(
            '<figure><img src="$source" alt="$text"><figcaption>Axial slice; axial and coronal '
            "slices with the evidence for $evidence. Ring: known lesion."
            "</figcaption></figure>",
            evidence=evidence,
            source=data_url(case.png),
            text=f"Slices through the heat-map's peak: {case.title}",
        )
    return tag(
        '<div class="case"><h3>$title</h3>$slices$facts</div>',
        title=case.title,
        slices=slices,
        facts=definitions(case.facts),
    )


def _errors(report: RunReport) -> Html:
    """Make the grid of wrong answers."""
    if not report.errors:
        return Html("<p>No wrong answer at the threshold, or none that can be called wrong.</p>")
    cells = join(
        tag(
            '<figure class="error">$picture<figcaption><b>$kind</b>: $name, $answer</figcaption>'
            "</figure>",
            picture=Html()
            if error.png is None
            else tag(
                '<img src="$source" alt="$text">',
                source=data_url(error.png),
                text=f"Slices through the heat-map's peak of {error.name}, a {error.kind}",
            ),
            kind=error.kind.capitalize(),
            name=error.name,
            answer=error.answer,
        )
        for error in report.errors
    )
    more = Html()
    if report.more_errors:
        text = f"{report.more_errors} further wrong answers are in predictions.csv."
        more = tag("<p>$text</p>", text=text)
    return tag('<div class="errors">$cells</div>$more', cells=cells, more=more)


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
    if explanation is None and not report.checkable:
        verdict = tag(
            '<p class="verdict unchecked">$text The checks need lesions as a positive class.</p>',
            text=VERDICTS["unchecked"],
        )
    elif explanation is None:
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
