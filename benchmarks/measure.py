"""Time and memory of a call."""

import ctypes
import gc
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Times:
    """Durations of a call in seconds.

    Attributes:
        first: First call, including loading and set-up.
        runs: Calls after the first; the first itself if it was the only one.
    """

    first: float
    runs: Sequence[float]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """Return the times of calls in their order."""
        return cls(seconds[0], tuple(seconds[1:] or seconds))

    @property
    def median(self) -> float:
        """Return the median of the calls after the first."""
        return statistics.median(self.runs)

    def divided(self, count: int) -> "Times":
        """Return the times of each of several equal parts of a call."""
        return Times(self.first / count, tuple(seconds / count for seconds in self.runs))

    def relative_to(self, peer: "Times") -> list[float]:
        """Return each call's duration as a multiple of a peer's median."""
        return [seconds / peer.median for seconds in self.runs]


# of a measurement: times by instruction set, then by what was timed
Results = Mapping[str, Mapping[str, Times]]


def alternate(
    calls: Mapping[str, Callable[[], object]], rounds: int, *, limit_s: float = math.inf
) -> dict[str, Times]:
    """Time calls alternately, so that other load affects all of them.

    Args:
        calls: Calls by name.
        rounds: Number of timed calls of each, after a first one.
        limit_s: Seconds in all after which a slow call is not repeated; each is called once.

    Returns:
        Times by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name in list(calls)[:: -1 if number % 2 else 1]:
            if sum(seconds[name]) > limit_s:
                continue
            gc.collect()
            start = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - start)
            say(f"{name}: call {number + 1} of {rounds + 1}, {seconds[name][-1]:.3f} s")
    return {name: Times.of(taken) for name, taken in seconds.items()}


def extra_bytes(call: Callable[[], object]) -> int:
    """Measure the peak of resident memory during a call above that before it.

    Native allocations of torch, cc3d and ITK count. Call it in a fresh process.

    Args:
        call: Call to measure.

    Returns:
        Bytes.
    """
    gc.collect()
    if not STATUS.exists():  # not Linux: the peak cannot be reset
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    # return freed memory to the system, so that its reuse is seen
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def extra_bytes_apart(contender: str, scan: Path) -> int:
    """Measure the memory of a contender in a separate process; see `benchmarks.peak`.

    Args:
        contender: One of `benchmarks.contenders.CONTENDERS`.
        scan: File from `benchmarks.sample.save`.

    Returns:
        Bytes that the contender needs in addition to the scan.
    """
    say(f"{contender}: memory")
    command = [sys.executable, "-m", "benchmarks.peak", contender, str(scan)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1])


def say(message: str) -> None:
    """Print a line of progress."""
    print(message, file=sys.stderr, flush=True)


def _status(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024
