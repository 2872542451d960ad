"""The page of a training run: what the net is worth, and its best and worst cases."""

from collections.abc import Mapping

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.report.page import Html, asset, definitions, fill, join, picture, sentences, tag
from lungcam.report.run_report import Case, RunReport
from lungcam.report.run_tables import baselines_table, bounds_in_words, metrics_table, number
from lungcam.report.sentences import VERDICTS

RULES = {
    "auc_ci95": "Intervals",
    "pr_auc": "PR-AUC",
    "sensitivity_at": "Sensitivity at a specificity",
    "against_baselines": "Against baselines",
    "threshold": "Threshold",
    "calibration": "Calibration",
}
PICTURES = {
    "roc": "ROC curve",
    "precision_recall": "Precision over recall",
    "reliability": "Reliability diagram",
    "histogram": "Probabilities by class",
    "risk": "Risk by year",
    "heatmaps": "Slices through the peaks of heat-maps",
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
            for name, words in PICTURES.items()
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
