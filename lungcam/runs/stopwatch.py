"""Seconds spent in named steps."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Stopwatch:
    """Times named steps, and the whole since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.seconds: dict[str, float] = {}

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
