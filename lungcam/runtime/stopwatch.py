"""Seconds spent in named steps."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class Stopwatch:
    """Timer of named steps and of the total since its start.

    Args:
        before: Seconds of earlier steps, which count towards the total.
    """

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self.seconds = dict(before or {})
        self.start = time.perf_counter() - sum(self.seconds.values())

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time a block."""
        start = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start

    def report(self, steps: Sequence[str]) -> dict[str, float]:
        """Return the seconds of steps, 0 for one that did not run, and the total so far."""
        times = {step: self.seconds.get(step, 0.0) for step in steps}
        times["total"] = time.perf_counter() - self.start
        return {step: round(seconds, 3) for step, seconds in times.items()}
