"""Predictions of a number: examples, lines for the console, and pooled folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.cohorts import Sample
from lungcam.metrics import NUMBER_RULES, summarise_numbers
from lungcam.metrics.summary import with_interval
from lungcam.tasks.examples import Case, Example, Examples, sample_facts
from lungcam.tasks.pooling import Pooled, TestedSamples, fold_line, fold_scores, read_tested
from lungcam.tasks.predictions import BASELINE

NUMBERS_POOLED_RULE = (
    "folds are pooled over their predicted numbers, repetitions averaged; each fold's prediction "
    "interval is fitted to its own validation patients, each baseline to its own training "
    "patients; folds: the figure of each fold's own test"
)


def number_examples(samples: Sequence[Sample], predicted: np.ndarray, *, unit: str) -> Examples:
    """Choose the largest errors to either side, and the best answers of each third of the numbers.

    Args:
        samples: Samples of the test split.
        predicted: `(N,)` numbers.
        unit: Unit of the number.
    """
    true = np.array([sample.number for sample in samples], float)
    error = predicted - true
    order = np.argsort(true, kind="stable")
    thirds = [rows for rows in np.array_split(order, 3) if len(rows)]
    chosen = [
        ("Most overestimated", "most over", int(error.argmax()) if error.max() > 0 else None),
        ("Most underestimated", "most under", int(error.argmin()) if error.min() < 0 else None),
    ]
    names = ("small", "middle", "large") if len(thirds) == 3 else ("",) * len(thirds)
    for name, rows in zip(names, thirds, strict=True):
        best = int(rows[np.abs(error[rows]).argmin()])
        chosen.append((f"Best answer for a {name} number", f"best, {name}", best))
    shown, cases, after = {}, [], f" {unit}" if unit else ""
    for title, words, row in chosen:
        if row is None:
            cases.append(Case(title=title))
            continue
        facts = sample_facts(
            samples[row],
            ("Predicted", f"{predicted[row]:.2f}{after}"),
            ("True", f"{true[row]:.2f}{after}"),
            ("Error", f"{error[row]:+.2f}{after}"),
        )
        cases.append(Case(title=title, row=row, facts=facts))
        answer = f"{predicted[row]:.1f}, is {true[row]:.1f}{after}"
        shown[row] = Example(row=row, words=words, answer=answer)
    rule = f"largest errors, and best answers over the range; test: n = {len(samples)}"
    return Examples(rule=rule, shown=list(shown.values()), cases=cases)


def number_lines(
    figures: Mapping[str, Any], label_rule: str, *, unit: str, where: str
) -> list[str]:
    """Put the figures of a split into lines for the console.

    Args:
        figures: From `summarise_numbers`.
        label_rule: Definition of the number.
        unit: Its unit, empty if it has none.
        where: Beginning of the first line.
    """
    after = f" {unit}" if unit else ""
    mae = with_interval(figures["mae"], figures["mae_ci95"])
    lines = [f"{where}mean absolute error{after and f' in{after}'}: {mae}; n = {figures['n']}"]
    if figures["r2"] is not None:
        r2 = with_interval(figures["r2"], figures["r2_ci95"])
        lines.append(f"  R² {r2}; RMSE {figures['rmse']:.3f}{after}")
    if figures["spearman"] is not None:
        rank = with_interval(figures["spearman"], figures["spearman_ci95"])
        lines.append(f"  rank correlation (Spearman) {rank}")
    if "limits_of_agreement" in figures:
        low, high = figures["limits_of_agreement"]
        lines.append(
            f"  bias {figures['bias']:+.3f}{after}, limits of agreement {low:+.3f} to {high:+.3f}"
        )
    if "interval" in figures:
        interval = figures["interval"]
        held = with_interval(interval["coverage"], interval["coverage_ci95"])
        lines.append(f"  prediction interval, {interval['width']:.3f}{after} wide, holds {held}")
    lines.append(f"  target: {label_rule}")
    for name, comparison in figures["against_baselines"].items():
        difference = with_interval(
            comparison["difference"], comparison["difference_ci95"], sign="+"
        )
        lines.append(
            f"  baseline: {name.replace('_', ' ')} alone {comparison['baseline_mae']:.3f}{after}; "
            f"net less baseline {difference}, n = {comparison['n']}"
        )
    return lines


def pool_numbers(
    seeds: Sequence[Sequence[Path]], *, unit: str, score: str, label_rule: str, seed: int
) -> Pooled:
    """Pool the folds' predictions.

    Args:
        seeds: Run folders of the folds, by seed.
        unit: Unit of the number.
        score: Key of the score in the figures of a split.
        label_rule: Definition of the number.
        seed: Seed of the bootstrap.
    """
    tested = read_tested(seeds, ("number", "low", "high"))
    true = np.array([row.number_in("true") for row in tested.rows], float)
    number, low, high = tested.values.astype(float).T
    folds = fold_scores(seeds, score)
    figures = {
        "folds": folds,
        **summarise_numbers(
            true,
            number,
            patients=tested.patients,
            baselines=_fitted_baselines(tested),
            bounds=None if np.isnan(low).any() else (low, high),
            seed=seed,
        ),
    }
    answers = [
        {"true": t, "number": f"{n:.6f}"}
        | ({} if np.isnan(a) else {"low": f"{a:.6f}", "high": f"{b:.6f}"})
        for t, n, a, b in zip(true, number, low, high, strict=True)
    ]
    baselines = [f"{BASELINE}{name}" for name in tested.baselines]
    return Pooled(
        figures=figures,
        rules=NUMBER_RULES | {"pooled": NUMBERS_POOLED_RULE},
        lines=[
            *number_lines(figures, label_rule, unit=unit, where="pooled "),
            fold_line(folds, score, name="R²"),
        ],
        columns=(
            *("sample_id", "patient_id", "split", "true", "number", "low", "high"),
            *baselines,
        ),
        rows=tested.table_rows(answers),
    )


def _fitted_baselines(tested: TestedSamples) -> dict[str, np.ndarray]:
    """Return the numbers of each baseline, as fitted to the training split of a sample's fold."""
    own = tested.fits
    baselines = {"mean": np.array([fit["train_mean"] for fit in own], float)}
    for name, scores in tested.baselines.items():
        lines = np.array([fit["lines"].get(name, (np.nan, np.nan)) for fit in own], float)
        baselines[name] = lines[:, 0] * scores + lines[:, 1]
    return baselines
