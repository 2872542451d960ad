"""Groups of samples that every split receives in its share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lungcam.cohorts.sample import Sample


@dataclass(frozen=True, eq=False)
class Strata:
    """Groups of samples that every split receives in its share, by patient.

    A patient with samples in several groups counts to the last of them.

    Attributes:
        names: Name of each group in messages, such as `label 0`.
        number: Function of a sample that returns the number of its group.
    """

    names: Sequence[str]
    number: Callable[[Sample], int]


@dataclass(frozen=True)
class Lack:
    """Reason why a split's samples can neither train nor test a net.

    Attributes:
        reason: What is left, such as `3 positive and 0 negative samples are left`.
        remedy: What to give, such as `samples of both labels`.
    """

    reason: str
    remedy: str


def label_strata(samples: Sequence[Sample]) -> Strata:
    """Return the strata of labels 0 and 1; samples without a label count as 0."""
    return Strata(("label 0", "label 1"), lambda sample: int(sample.label or 0))


def missing_label(samples: Sequence[Sample]) -> Lack | None:
    """Return what is missing if a split does not hold both labels."""
    labels = [sample.label for sample in samples]
    if {0, 1} <= set(labels):
        return None
    return Lack(
        f"{labels.count(1)} positive and {labels.count(0)} negative samples are left",
        "samples of both labels",
    )
