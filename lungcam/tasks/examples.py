"""Samples of the test split that a run shows: those in figures, and the best and worst cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts import Sample

# label, True if the call is right, and title of such a case
CASES = (
    (1, True, "Most confident and right: the positive with the highest probability"),
    (1, False, "Most confident and wrong: the missed positive with the lowest probability"),
    (0, True, "Most confident and right: the negative with the lowest probability"),
    (0, False, "Most confident and wrong: the called negative with the highest probability"),
)
# wrong answers of either kind with slices in the report: each scan has to be read again
MOST_ERRORS = 12
# samples with a heat-map in the figure, where a task has no rule of its own
FIRST = 6


@dataclass(frozen=True, kw_only=True)
class Example:
    """Sample that the figure of heat-maps shows.

    Attributes:
        row: Row of the test split.
        words: Reason for which it is shown.
        answer: Answer and truth, in a few words.
        name: Its sample_id.
    """

    row: int
    words: str
    answer: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Best or worst case of the report.

    Attributes:
        title: Description of the case.
        row: Row of the test split; None if there is no such sample.
        facts: Names and values.
    """

    title: str
    row: int | None = None
    facts: Sequence[tuple[str, object]] = ()


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Samples that a run shows; cases have slices if they are among the examples.

    Attributes:
        rule: Sentence on how the examples were chosen, without a full stop.
        shown: Examples, in the figure's order.
        cases: Cases, in the report's order.
        errors: Wrong answers of the test split, the most confident first.
        more_errors: Number of further wrong answers, which are not shown.
    """

    rule: str
    shown: Sequence[Example]
    cases: Sequence[Case] = ()
    errors: Sequence[Example] = ()
    more_errors: int = 0


def first_examples(samples: Sequence[Sample]) -> Examples:
    """Return the first samples of a split, without cases."""
    shown = [Example(row=row, words="", answer="") for row in range(min(FIRST, len(samples)))]
    return Examples(rule=f"the first {len(shown)} samples", shown=shown)


def sample_facts(sample: Sample, *answers: tuple[str, object]) -> list[tuple[str, object]]:
    """Return the facts of a case: its name, the answers, and the lesion's diameter."""
    return [
        ("Sample", sample.sample_id),
        *answers,
        ("Lesion", f"{sample.diameter_mm:.1f} mm" if sample.diameter_mm else None),
    ]


def wrong_answers(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> tuple[list[tuple[int, str]], int]:
    """List the false positives and the false negatives, the most confident first.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)`.
        threshold: Probability from which a sample is called positive.

    Returns:
        Row and kind of each, `MOST_ERRORS` of either kind at most, and the number of those left
        out.
    """
    called = probabilities >= threshold
    answers, left_out = [], 0
    for label, kind, sign in ((0, "false positive", -1), (1, "false negative", 1)):
        rows = np.flatnonzero((labels == label) & (called != (label == 1)))
        rows = rows[np.argsort(sign * probabilities[rows], kind="stable")]
        answers += [(int(row), kind) for row in rows[:MOST_ERRORS]]
        left_out += max(0, len(rows) - MOST_ERRORS)
    return answers, left_out


def extremes(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> list[tuple[str, int | None]]:
    """Find the most confident right and wrong answers of each class.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)`.
        threshold: Probability from which a sample is called positive.

    Returns:
        Title and row of each; the row is None if there is no such answer.
    """
    called = probabilities >= threshold
    answers = []
    for label, right, title in CASES:
        rows = np.flatnonzero((labels == label) & ((called == label) == right))
        # confidence grows with the probability of called samples, and falls with that of others
        sign = -1 if (label == 1) == right else 1
        order = np.argsort(sign * probabilities[rows], kind="stable")
        answers.append((title, int(rows[order[0]]) if len(rows) else None))
    return answers
