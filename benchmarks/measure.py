"""Time and memory of a call."""

import ctypes
import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Times:
    """Seconds that a call took.

    Attributes:
        first: Of the first call, with what is loaded or set up in it.
        runs: Of the calls after it.
    """

    first: float
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the calls after the first."""
        return statistics.median(self.runs)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.runs):.2f}-{max(self.runs):.2f})"


def alternate(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Time calls in turn, so that what else the machine does meets all of them.

    Args:
        calls: What to time, by name.
        rounds: How often each is timed, after a first call of each.

    Returns:
        The times by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name in list(calls)[:: -1 if number % 2 else 1]:
            gc.collect()
            start = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - start)
            say(f"{name}: call {number + 1} of {rounds + 1}, {seconds[name][-1]:.2f} s")
    return {name: Times(taken[0], tuple(taken[1:])) for name, taken in seconds.items()}


def extra_bytes(call: Callable[[], object]) -> int:
    """Measure by how much the process' resident memory peaks above what it holds before a call.

    What torch, cc3d and ITK allocate natively counts. To be called in a fresh process.

    Args:
        call: What to measure.

    Returns:
        Bytes.
    """
    gc.collect()
    if not STATUS.exists():  # no Linux: the peak so far cannot be reset
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    # what earlier calls have freed goes back to the system, or it would be used again unseen
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def extra_bytes_apart(contender: str, scan: Path) -> int:
    """Measure a contender's memory in a process of its own; see `benchmarks.peak`.

    Args:
        contender: One of `benchmarks.contenders.CONTENDERS`.
        scan: File from `benchmarks.sample.save`.

    Returns:
        Bytes that the contender needs beside the scan.
    """
    say(f"{contender}: memory")
    command = [sys.executable, "-m", "benchmarks.peak", contender, str(scan)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1])


def say(message: str) -> None:
    """Tell the progress."""
    print(message, file=sys.stderr, flush=True)


def _status(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024
