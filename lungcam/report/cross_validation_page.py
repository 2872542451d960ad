"""Page of a cross-validation: the pooled score, the folds, and the pooled baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lungcam.report.page import Html, definitions, join, sentences, tag
from lungcam.report.run_figures import baselines_table, format_bounds, format_value, headline
from lungcam.report.run_page import RULE_TITLES
from lungcam.report.summary_page import command_text, run_link, summary_page

# of the drawing of intervals, in its own units
ROW, LEFT, WIDTH = 26, 150, 640


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """Result of a fold.

    Attributes:
        name: Name of its run folder.
        metrics: Its metrics.json.
    """

    name: str
    metrics: Mapping[str, Any]


def cross_validation_page(
    name: str,
    metrics: Mapping[str, Any],
    *,
    folds: Sequence[FoldResult],
    score: str,
    score_name: str,
    command: str,
) -> Html:
    """Make the page of a cross-validation, as a single file.

    Args:
        name: Name of its folder.
        metrics: Its metrics.json, pooled over the folds.
        folds: The folds.
        score: Key of the score in the figures of a split.
        score_name: Its name in words.
        command: Command that trains it again.
    """
    test = metrics["test"]
    people = f" of {test['n_patients']} patients" if "n_patients" in test else ""
    counts = (
        f"{test['n']} samples{people}, each by a net that has not seen its patient."
        if ("n" in test)
        else ""
    )
    head = headline(
        format_value(test.get(score)),
        f"{score_name}, pooled over {metrics['folds']} folds",
        bounds=test.get(f"{score}_ci95"),
        texts=[*filter(None, [counts]), f"Label rule: {metrics['label_rule']}."],
    )
    baselines = _baselines(test, score=score, score_name=score_name)
    rules = [
        (RULE_TITLES.get(key, key.capitalize()), rule)
        for key, rule in metrics["rules"].items()
        if isinstance(rule, str)
    ]
    sections = [
        ("result", "Result", join([head, _intervals(metrics, folds, score=score)])),
        ("folds", "Folds", _folds_table(folds, score=score, score_name=score_name)),
        ("baselines", "Baselines", baselines),
        ("cohort", "Cohort", sentences(metrics["cohort_notes"])),
        ("command", "Train it again", command_text(command)),
        ("versions", "Versions", definitions(metrics["versions"].items())),
        ("rules", "Computation of the metrics", definitions(rules)),
    ]
    return summary_page(name, "report of a cross-validation", sections=sections)


def _baselines(test: Mapping[str, Any], *, score: str, score_name: str) -> Html:
    """Make the table of the baselines; of another score than the AUC a list."""
    comparisons = test.get("against_baselines", {})
    if all("baseline_auc" in comparison for comparison in comparisons.values()):
        return baselines_table(test) if comparisons else Html()
    return definitions(
        (
            name.replace("_", " "),
            f"{score_name} {format_value(comparison.get(f'baseline_{score}'))}",
        )
        for name, comparison in comparisons.items()
    )


def _folds_table(folds: Sequence[FoldResult], *, score: str, score_name: str) -> Html:
    """Make the table of the folds, each with a link to its own report."""
    rows = []
    for fold in folds:
        test, val = fold.metrics.get("test", {}), fold.metrics.get("val", {})
        positive = test.get("n_positive")
        cells = (
            str(test.get("n", "–")) + ("" if positive is None else f", {positive} positive"),
            f"{format_value(test.get(score))}",
            format_bounds(test.get(f"{score}_ci95")) or "–",
            format_value(val.get(score)),
            format_value(test.get("threshold")),
            fold.metrics.get("explanation", {}).get("verdict", "unchecked"),
        )
        rows.append(
            tag(
                '<tr><th scope="row">$name</th>$cells</tr>',
                name=run_link(fold.name.replace("_", " "), fold.name),
                cells=join(tag("<td>$cell</td>", cell=cell) for cell in cells),
            )
        )
    columns = (
        *("Fold", "Test", score_name, "95 % interval", f"{score_name} on validation"),
        *("Threshold", "Heat-maps"),
    )
    return tag(
        '<div class="scroll"><table><caption>Each net on the patients that it has not seen. Folds '
        "differ by chance: the pooled figure above is the one to report.</caption>"
        "<thead><tr>$heads</tr></thead><tbody>$rows</tbody></table></div>",
        heads=join(tag('<th scope="col">$name</th>', name=name) for name in columns),
        rows=join(rows),
    )


def _intervals(metrics: Mapping[str, Any], folds: Sequence[FoldResult], *, score: str) -> Html:
    """Draw the score of each fold and the pooled one with their intervals."""
    results = [(fold.name.replace("_", " "), fold.metrics.get("test", {})) for fold in folds]
    results.append(("pooled", metrics["test"]))
    shown = [
        (name, figures[score], figures.get(f"{score}_ci95"))
        for name, figures in results
        if figures.get(score) is not None
    ]
    if not shown:
        return Html()
    ends = [value for _, value, _ in shown]
    ends += [end for _, _, bounds in shown if bounds for end in bounds if end is not None]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(LEFT + 20 + (WIDTH - LEFT - 90) * (value - low) / span, 1)

    rows = []
    for number, (name, value, bounds) in enumerate(shown):
        y = ROW * (number + 0.5)
        line = Html()
        if bounds and None not in bounds:
            line = tag(
                '<line x1="$a" x2="$b" y1="$y" y2="$y" class="interval"/>',
                a=place(bounds[0]),
                b=place(bounds[1]),
                y=y,
            )
        rows.append(
            tag(
                '<text x="$left" y="$text_y" text-anchor="end">$name</text>$line'
                '<circle cx="$x" cy="$y" r="5" class="$kind"/>'
                '<text x="$end" y="$text_y">$value</text>',
                left=LEFT,
                text_y=y + 5,
                name=name,
                line=line,
                x=place(value),
                y=y,
                kind="pooled" if name == "pooled" else "fold",
                end=WIDTH - 50,
                value=f"{value:.3f}",
            )
        )
    label = "; ".join(f"{name} {value:.3f}" for name, value, _ in shown)
    return tag(
        '<svg class="intervals" viewBox="0 0 $width $height" role="img" aria-label="$label">'
        "$rows</svg>",
        width=WIDTH,
        height=ROW * len(shown),
        label=label,
        rows=join(rows),
    )
