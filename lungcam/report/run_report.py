"""What a training run's page tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a run's page tells.

    Attributes:
        name: Of the run.
        metrics: As in metrics.json.
        figures: PNGs by name, see `PICTURES`.
        cases: The best and the worst.
        located: Lines on where the maps point.
        left_out: Ids of samples that could not be used.
        overview: Names and values of the configuration.
        mark: The warning on heat-maps that failed their checks.
    """

    name: str
    metrics: Mapping[str, object]
    figures: Mapping[str, bytes]
    cases: Sequence[Case]
    located: Sequence[str]
    left_out: Sequence[str]
    overview: Sequence[tuple[str, object]]
    mark: str | None = None
