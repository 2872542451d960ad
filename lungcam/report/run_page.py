"""The page of a training run: what the net is worth, and its best and worst cases.

What a training run's page tells.

The tables of a training run's page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.metrics.summary import p_value
from lungcam.report.page import Html, asset, definitions, fill, join, picture, sentences, tag
from lungcam.report.scan_page import VERDICTS


@dataclass(frozen=True)
class Case:
    """A sample that is shown, or that there is none.

    Attributes:
        title: What it stands for, such as the positive that was called most confidently.
        told: Names and values beside it; empty where there is no such sample.
        png: Its slices, where there are any.
    """

    title: str
    told: Sequence[tuple[str, object]] = ()
    png: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class RunReport:
    """What a run's page tells.

    Attributes:
        name: Of the run.
        metrics: As in metrics.json.
        titles: Titles of figures by name, in the order in which they are shown.
        figures: PNGs by name; those that were drawn.
        cases: The best and the worst.
        located: Lines on where the maps point.
        left_out: Ids of samples that could not be used.
        overview: Names and values of the configuration.
        mark: The warning on heat-maps that failed their checks.
    """

    name: str
    metrics: Mapping[str, object]
    titles: Mapping[str, str]
    figures: Mapping[str, bytes]
    cases: Sequence[Case]
    located: Sequence[str]
    left_out: Sequence[str]
    overview: Sequence[tuple[str, object]]
    mark: str | None = None


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


def metrics_table(metrics: Mapping[str, Any]) -> Html:
    """The figures of both splits with intervals, from metrics.json."""
    splits = {name: metrics[name] for name in ("test", "val")}
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
        threshold=number(metrics["test"]["threshold"]),
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


RULES = {
    "auc_ci95": "Intervals",
    "pr_auc": "PR-AUC",
    "sensitivity_at": "Sensitivity at a specificity",
    "against_baselines": "Against baselines",
    "threshold": "Threshold",
    "calibration": "Calibration",
}


def run_page(report: RunReport) -> Html:
    """Make the page of a run, whole in itself."""
    told = report.metrics
    mark = tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html()
    return fill(
        "run.html",
        name=report.name,
        version=__version__,
        style=join((asset("style.css"), asset("run.css"))),
        notice=RESEARCH_USE_ONLY,
        head=_head(told),
        metrics=metrics_table(told),
        baselines=baselines_table(told["test"]),
        baselines_val=baselines_table(told["val"]),
        rules=definitions((RULES.get(name, name), rule) for name, rule in told["rules"].items()),
        mark=mark,
        cases=join(_case(one) for one in report.cases),
        explanation=_explanation(report),
        figures=join(
            tag(
                '<figure class="$name"><img src="$source" alt="$words"></figure>',
                name=name,
                source=picture(report.figures[name]),
                words=words,
            )
            for name, words in report.titles.items()
            if name in report.figures
        ),
        cohort=_cohort(report),
        overview=definitions(report.overview),
        versions=definitions(told["versions"].items()),
    )


def _head(told: Mapping) -> Html:
    test = told["test"]
    bounds = bounds_in_words(test["auc_ci95"])
    interval = f"95 % interval {bounds}" if bounds else "95 % interval not known"
    return tag(
        '<div class="head"><div class="main">$auc</div><div><div class="call">AUC on the test '
        "split, $interval</div><p>$n samples of $people patients, $positive positive.</p>"
        "<p>Label rule: $rule.</p></div></div>",
        auc=number(test["auc"]),
        interval=interval,
        n=test["n"],
        people=test["n_patients"],
        positive=test["n_positive"],
        rule=told["label_rule"],
    )


def _case(one: Case) -> Html:
    if not one.told:
        return tag('<div class="case"><h3>$title</h3><p>There is none.</p></div>', title=one.title)
    shown = Html()
    if one.png is not None:
        shown = tag(
            '<figure><img src="$source" alt="$words"><figcaption>Axial; axial and coronal with '
            "what speaks for the positive class. Ring: the known lesion.</figcaption></figure>",
            source=picture(one.png),
            words=f"Slices through the heat-map's peak: {one.title}",
        )
    return tag(
        '<div class="case"><h3>$title</h3>$shown$told</div>',
        title=one.title,
        shown=shown,
        told=definitions(one.told),
    )


def _explanation(report: RunReport) -> Html:
    judged = report.metrics.get("explanation")
    if judged is None:
        words = tag(
            '<p class="verdict unchecked">$words Train with explain.benchmark=true to have them '
            "judged.</p>",
            words=VERDICTS["unchecked"],
        )
    else:
        words = tag(
            '<p class="verdict $verdict">$words</p>$reasons',
            verdict=judged["verdict"],
            words=VERDICTS[judged["verdict"]],
            reasons=sentences(judged["reasons"]),
        )
    if not report.located:
        return words
    return tag(
        "$words<h3>Where the maps of the test split point</h3>$lines",
        words=words,
        lines=sentences(one.strip() for one in report.located),
    )


# more names than these help nobody
MOST_LEFT_OUT = 20


def _cohort(report: RunReport) -> Html:
    told = [*report.metrics["cohort_notes"]]
    if report.left_out:
        few = ", ".join(report.left_out[:MOST_LEFT_OUT])
        more = len(report.left_out) - MOST_LEFT_OUT
        rest = f" and {more} more" if more > 0 else ""
        told.append(
            f"{len(report.left_out)} samples could not be used: {few}{rest}; quality.csv says why."
        )
    return sentences(told) or Html("<p>Nothing was left out.</p>")
