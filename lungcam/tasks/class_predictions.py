"""Predictions of several classes: tables, examples, lines for the console, and pooled folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from lungcam.cohorts import Sample
from lungcam.metrics import CLASS_RULES, summarise_classes
from lungcam.metrics.summary import with_interval
from lungcam.tasks.examples import Case, Example, Examples, sample_facts
from lungcam.tasks.pooling import Pooled, TestedSamples, fold_line, fold_scores, read_tested
from lungcam.tasks.predictions import BASELINE

# the least probability of those averaged over seeds by their logarithms; tables have nine digits
LEAST = 1e-12
CLASSES_POOLED_RULE = (
    "folds are pooled over calibrated probabilities, each calibrated on its own validation "
    "patients, and repetitions averaged over their logarithms; intervals resample patients and "
    "take the nets as given; a baseline speaks for a class as in the training split of a sample's "
    "fold; folds: the figure of each fold's own test"
)


def class_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of an answer: class, and probability and logit of each class."""
    return (
        "class",
        *(f"probability_{name}" for name in names),
        *(f"logit_{name}" for name in names),
    )


def class_answers(
    names: Sequence[str],
    *,
    labels: np.ndarray,
    probabilities: np.ndarray,
    logits: np.ndarray,
) -> list[dict[str, Any]]:
    """Return label and `class_columns` of each sample.

    Args:
        names: Names of the classes.
        labels: `(N,)`.
        probabilities: `(N, K)`.
        logits: `(N, K)`.
    """
    answers = []
    for label, shares, values in zip(labels, probabilities, logits, strict=True):
        answer = {"label": names[label], "class": names[int(shares.argmax())]}
        answer |= {f"probability_{n}": f"{p:.9g}" for n, p in zip(names, shares, strict=True)}
        answer |= {f"logit_{n}": f"{z:.6f}" for n, z in zip(names, values, strict=True)}
        answers.append(answer)
    return answers


def class_examples(
    names: Sequence[str], samples: Sequence[Sample], *, probabilities: np.ndarray
) -> Examples:
    """Choose for each class the surest right and the surest wrong answer.

    Args:
        names: Names of the classes.
        samples: Samples of the test split, all with a class.
        probabilities: `(N, K)`.
    """
    labels = np.array([sample.label for sample in samples])
    called, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    shown, cases = [], []
    for number, name in enumerate(names):
        for right in (True, False):
            rows = np.flatnonzero((labels == number) & ((called == number) == right))
            word = "right" if right else "wrong"
            title = f"Surest {word} answer of class {name}"
            if not len(rows):
                cases.append(Case(title=title))
                continue
            row = int(rows[np.argsort(-sure[rows], kind="stable")[0]])
            sample, answer = samples[row], names[called[row]]
            each = ", ".join(f"{n} {p:.3f}" for n, p in zip(names, probabilities[row], strict=True))
            facts = sample_facts(
                sample,
                ("Called", f"{answer} ({sure[row]:.3f})"),
                ("Class", f"{name}: {sample.label_source}"),
                ("Probabilities", each),
            )
            cases.append(Case(title=title, row=row, facts=facts))
            text = f"{answer} {sure[row]:.3f}, is {name}"
            shown.append(Example(row=row, words=f"surest {word}", answer=text))
    rule = f"surest right and surest wrong answer of each class; test: n = {len(samples)}"
    return Examples(rule=rule, shown=shown, cases=cases)


def class_lines(figures: Mapping[str, Any], label_rule: str, *, where: str) -> list[str]:
    """Put the figures of a split into lines for the console.

    Args:
        figures: From `summarise_classes`.
        label_rule: Meaning of the classes.
        where: Beginning of the first line.
    """
    macro = figures["auc_macro"]
    lines = []
    if macro is not None:
        text = with_interval(macro, figures["auc_macro_ci95"])
        lines.append(f"{where}macro AUC {text}; {figures['n']} samples")
    for key, name in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        text = f"{where}{name} {with_interval(figures[key], figures[f'{key}_ci95'])}"
        if "majority" in figures:
            majority = figures["majority"]
            text += f"; always {majority['class']}: {majority[key]:.3f}"
        lines.append(text)
    lines.append(f"  label rule: {label_rule}")
    for name, auc in figures["auc_by_class"].items():
        if auc["value"] is None:
            continue
        line = f"  {name} against the others: AUC {with_interval(auc['value'], auc['ci95'])}"
        line += f", {auc['n_positive']} of {figures['n']}"
        for baseline, by_class in figures["against_baselines"].items():
            if (value := by_class[name]["baseline_auc"]) is not None:
                line += f"; {baseline.replace('_', ' ')} alone {value:.3f}"
        lines.append(line)
    calibration = f"  calibration: the called class is off by {figures['ece']:.3f} on average (ECE)"
    if "ece_uncalibrated" in figures:
        calibration += f", {figures['ece_uncalibrated']:.3f} before"
    lines.append(f"{calibration}; Brier score {figures['brier']:.3f}")
    return lines


def pool_classes(
    seeds: Sequence[Sequence[Path]],
    names: Sequence[str],
    *,
    score: str,
    label_rule: str,
    seed: int,
) -> Pooled:
    """Pool the folds' predictions.

    Args:
        seeds: Run folders of the folds, by seed.
        names: Names of the classes.
        score: Key of the score in the figures of a split.
        label_rule: Meaning of the classes.
        seed: Seed of the bootstrap.
    """
    columns = [f"probability_{name}" for name in names]
    tested = read_tested(seeds, columns, scale=lambda shares: np.log(shares.clip(LEAST)))
    labels = np.array([list(names).index(row.text("label")) for row in tested.rows])
    probabilities = softmax(tested.values, axis=1)
    folds = fold_scores(seeds, score)
    figures = {
        "folds": folds,
        **summarise_classes(
            labels,
            probabilities,
            names=names,
            patients=tested.patients,
            majority=None,
            baselines=_signed_baselines(tested, len(names)),
            seed=seed,
        ),
    }
    answers = class_answers(
        names, labels=labels, probabilities=probabilities, logits=np.log(probabilities)
    )
    baselines = [f"{BASELINE}{name}" for name in tested.baselines]
    return Pooled(
        figures=figures,
        rules=CLASS_RULES | {"pooled": CLASSES_POOLED_RULE},
        lines=[
            *class_lines(figures, label_rule, where="pooled "),
            fold_line(folds, score, name="macro AUC"),
        ],
        columns=(
            *("sample_id", "patient_id", "split", "label"),
            *class_columns(names),
            *baselines,
        ),
        rows=tested.table_rows(answers),
    )


def _signed_baselines(tested: TestedSamples, count: int) -> dict[str, np.ndarray]:
    """Return the scores `(N, K)` of each baseline, with the signs of a sample's fold."""
    fits = tested.fits
    return {
        name: scores[:, None] * np.array([fit["signs"].get(name, [1] * count) for fit in fits])
        for name, scores in tested.baselines.items()
    }
