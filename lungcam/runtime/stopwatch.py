"""Seconds spent in named steps."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class Stopwatch:
    """Times named steps, and the whole since it was made.

    Args:
        before: Seconds of steps that were taken before, which belong to the whole.
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
        """Seconds of these steps, 0 where one was left out, and the total so far."""
        times = {step: self.seconds.get(step, 0.0) for step in steps}
        times["total"] = time.perf_counter() - self.start
        return {step: round(seconds, 3) for step, seconds in times.items()}
