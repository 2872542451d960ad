"""End jobs at moments spread over their whole run, go on, and compare the results.

`python tests/attacks/ends.py FOLDER [--kills 20] [--terms 10] [JOB...]`

Every job is run once without a disturbance. Each further run gets one signal, SIGKILL or SIGTERM,
at an equally spaced moment: of the files that are opened to be written, renamed and removed, or of
the processor time, in turn. Every second signal reaches the main process alone, the others all of
its processes. Then the job goes on at once. Its results must equal those of the first run, and no
process, lock or unfinished file may be left. Print a line of JSON for each job.
"""

import argparse
import itertools
import json
import mmap
import os
import shutil
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_jobs import JOBS, Job, fork, left_over, load, make_inputs

from benchmarks.process_tree import descendants
from lungcam.cli.signals import TERMINATED

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
KINDS = ("training", "evaluation", "search", "batch", "cache")
# seconds in which the processes of one that has ended must end, too
ENDING_S = 10.0
# a run that ended before its moment is repeated with an earlier one
EARLIER, TRIES = 0.8, 4


@dataclass(frozen=True)
class Moment:
    """Moment of a signal.

    Attributes:
        number: SIGKILL or SIGTERM.
        share: Share of the whole run, from 0 to 1.
        by_files: True to count changes of files, False for processor time.
        all_processes: True for all processes of the job, False for the main one.
    """

    number: int
    share: float
    by_files: bool
    all_processes: bool

    def __str__(self) -> str:
        unit = "files" if self.by_files else "time"
        whom = "all processes" if self.all_processes else "the main process"
        return f"{signal.Signals(self.number).name} to {whom} at {self.share:.3f} of the {unit}"


@dataclass(frozen=True)
class Whole:
    """Measures of a run without a disturbance: changes of files, seconds of processor time."""

    files: int
    seconds: float


class Counter:
    """Number of changes of files by a job, which this process can read."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return struct.unpack("q", self._memory[:])[0]

    def count(self, moment: Moment | None = None, aim: int = 0) -> None:
        """Count in this process from now on, and end it at a number of changes, if it is given."""
        numbers = itertools.count(1)

        def changed(event: str, arguments: tuple[Any, ...]) -> None:
            if not _is_change(event, arguments):
                return
            number = next(numbers)
            self._memory[:] = struct.pack("q", number)
            if moment is not None and moment.by_files and number == aim:
                _send(os.getpid(), moment)

        sys.addaudithook(changed)


def _is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        path, _, flags = arguments
        name = os.fsdecode(path) if isinstance(path, str | bytes) else ""
        return bool(name and flags & WRITING) and name.startswith("/dev/") is False
    return event in CHANGES


def _send(process: int, moment: Moment) -> None:
    """Send a signal to a process, or to its group."""
    with suppress(ProcessLookupError):
        if moment.all_processes:
            os.killpg(process, moment.number)
        else:
            os.kill(process, moment.number)


def spent(process: int) -> float:
    """Return the seconds of processor time of a process and its descendants so far."""
    ticks = 0
    for each in (process, *descendants(process)):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run_whole(job: Job, folder: Path, out: Path) -> Whole:
    """Run a job without a disturbance, and measure it.

    Raises:
        SystemExit: It failed.
    """
    counter, seconds = Counter(), 0.0
    command = job.command(folder, out)
    child = fork(command, cwd=folder, log=folder / "whole.log", before=counter.count)
    status: tuple[int, int] = (0, 0)
    while status[0] == 0:
        seconds = max(seconds, spent(child))
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if status[1]:
        raise SystemExit(f"{command} failed: {(folder / 'whole.log').read_text()}")
    return Whole(counter.value, seconds)


def end_at(moment: Moment, job: Job, *, folder: Path, out: Path, whole: Whole) -> tuple[int, int]:
    """Run a job until it gets a signal; return its process id and exit code."""
    counter = Counter()
    aim = max(1, round(moment.share * whole.files))
    child = fork(
        job.command(folder, out),
        cwd=folder,
        log=out.with_suffix(".log"),
        before=lambda: counter.count(moment, aim),
    )
    if not moment.by_files:
        here = (os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        while os.waitid(*here) is None and spent(child) < moment.share * whole.seconds:
            time.sleep(0.005)
        _send(child, moment)
    _, status = os.waitpid(child, 0)
    return child, os.waitstatus_to_exitcode(status)


def moments(kills: int, terms: int) -> Iterator[Moment]:
    """Yield the moments of both signals, spread evenly over the whole run."""
    for number, count in ((signal.SIGKILL, kills), (signal.SIGTERM, terms)):
        for k in range(count):
            # the four combinations in turn
            yield Moment(
                number=number,
                share=(k + 0.5) / count,
                by_files=k % 2 == 0,
                all_processes=k % 4 in (1, 2),
            )


def faults(moment: Moment, job: Job, *, folder: Path, name: str, whole: Whole) -> list[str]:
    """End a job at a moment, go on, and return everything that is not as promised."""
    wrong, expected = [], TERMINATED if moment.number == signal.SIGTERM else -signal.SIGKILL
    for _ in range(TRIES):
        out = folder / f"{name}-ended"
        log = out.with_suffix(".log")
        shutil.rmtree(out, ignore_errors=True)
        log.unlink(missing_ok=True)
        child, code = end_at(moment, job, folder=folder, out=out, whole=whole)
        if code != 0:
            break
        moment = Moment(
            moment.number, moment.share * EARLIER, moment.by_files, moment.all_processes
        )
    else:
        return [f"{moment}: the job ended before it, {TRIES} times"]
    if code != expected:
        wrong.append(f"exit code {code}, not {expected}")
    if moment.number == signal.SIGTERM:
        wrong += [f"process {process} is left" for process in survivors(child)]
        wrong += [f"{file} is left" for file in left_over(out)]
        if "Traceback" in log.read_text():
            wrong.append("a traceback")
    again = fork(job.command(folder, out), cwd=folder, log=log)
    code = os.waitstatus_to_exitcode(os.waitpid(again, 0)[1])
    if code != 0:
        wrong.append(f"going on: exit code {code}")
    else:
        wrong += [f"{what} differs" for what in job.differences(folder / f"{name}-whole", out)]
    wrong += [f"going on: process {process} is left" for process in survivors(child)]
    wrong += [f"going on: {file} is left" for file in left_over(out)]
    if wrong:
        kept = out.with_name(f"{name}-fault-{moment.number}-{moment.share:.3f}")
        shutil.rmtree(kept, ignore_errors=True)
        if out.exists():
            out.rename(kept)
        log.replace(kept.with_name(f"{kept.name}.log"))
    return [f"{moment}: {fault}" for fault in wrong]


def survivors(group: int) -> list[int]:
    """Return the processes of a group that do not end within a while."""
    end = time.monotonic() + ENDING_S
    while True:
        left = [process for process in _processes() if _group(process) == group]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _group(process: int) -> int | None:
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[2])
    return None


def main() -> None:
    """Try every job at all moments, and exit with 1 if anything is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("jobs", nargs="*", default=KINDS)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--terms", type=int, default=10)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    load()
    make_inputs(folder)
    broken = False
    for name in arguments.jobs or KINDS:
        job, out = JOBS[name], folder / f"{name}-whole"
        shutil.rmtree(out, ignore_errors=True)
        # what the first run prepares, the others find
        if name != "cache":
            run_whole(job, folder, out)
            shutil.rmtree(out)
        whole = run_whole(job, folder, out)
        print(f"{name}: {whole.files} changes of files, {whole.seconds:.1f} s", file=sys.stderr)
        wrong, held = [], 0
        for moment in moments(arguments.kills, arguments.terms):
            new = faults(moment, job, folder=folder, name=name, whole=whole)
            print(f"{name}: {moment}: {new or 'held'}", file=sys.stderr, flush=True)
            wrong += new
            held += not new
        broken |= bool(wrong)
        result = {"job": name, "cases": arguments.kills + arguments.terms, "held": held}
        print(json.dumps(result | {"faults": wrong}), flush=True)
    sys.exit(broken)


if __name__ == "__main__":
    main()
