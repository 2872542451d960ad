"""The samples that a run shows are chosen by a rule."""

import numpy as np
import pytest

from lungcam.tasks.examples import MOST_ERRORS, extremes, first_examples, wrong_answers

LABELS = np.array([1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("probabilities", "rows"),
    [
        # right and wrong positives, then right and wrong negatives
        ([0.6, 0.9, 0.2, 0.1, 0.7, 0.8], [1, 2, 3, 5]),
        ([0.6, 0.9, 0.8, 0.1, 0.2, 0.3], [1, None, 3, None]),
        ([0.1, 0.2, 0.3, 0.6, 0.9, 0.8], [None, 0, None, 4]),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [0, None, None, 3]),
    ],
)
def test_most_confident_right_and_wrong_answers_are_chosen(probabilities, rows):
    answers = extremes(LABELS, np.array(probabilities), threshold=0.5)
    assert [row for _, row in answers] == rows
    assert [title.split(":")[0] for title, _ in answers] == [
        "Most confident and right",
        "Most confident and wrong",
    ] * 2


def test_a_task_without_a_rule_shows_the_first_samples(numbered):
    examples = first_examples(numbered)
    assert [example.row for example in examples.shown] == [0, 1, 2, 3, 4, 5]
    assert len(first_examples(numbered[:2]).shown) == 2
    assert examples.cases == ()


def test_wrong_answers_come_most_confident_first():
    probabilities = np.array([0.4, 0.9, 0.1, 0.6, 0.2, 0.8])
    answers, left_out = wrong_answers(LABELS, probabilities, threshold=0.5)
    assert answers == [
        (5, "false positive"),
        (3, "false positive"),
        (2, "false negative"),
        (0, "false negative"),
    ]
    assert left_out == 0


def test_wrong_answers_beyond_the_limit_are_counted():
    labels = np.zeros(MOST_ERRORS + 5, int)
    answers, left_out = wrong_answers(labels, np.ones(len(labels)), threshold=0.5)
    assert (len(answers), left_out) == (MOST_ERRORS, 5)
