"""What preparing a cohort will cost, before anything is kept."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torchio as tio

from lungcam.data.preparation import SUFFIX, Job, prepare_scan
from lungcam.errors import InputError
from lungcam.pool import processors

TRIED = 3
PLACES = 5


@dataclass(frozen=True)
class Estimate:
    """Disk and time that preparing takes.

    Attributes:
        scans: Scans to read.
        inputs: Inputs to store.
        disk_bytes: All inputs together, None where no scan that was tried could be prepared.
        seconds: On all processors, likewise.
        free_bytes: Room where the cache lies.
        refused: Why scans that were tried gave no input, a line each.
    """

    scans: int
    inputs: int
    disk_bytes: float | None
    seconds: float | None
    free_bytes: int
    refused: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The estimate in words."""
        told = f"{self.inputs} inputs to prepare from {self.scans} scans"
        tried = min(TRIED, self.scans)
        why = f", the first since {self.refused[0].rstrip('.')}" if self.refused else ""
        if self.disk_bytes is None or self.seconds is None:
            return f"{told}; none of the {tried} that were tried can be prepared{why}."
        if self.refused:
            why = f"; {len(self.refused)} of {tried} that were tried cannot be prepared{why}"
        return (
            f"{told}: about {disk_size(self.disk_bytes)} of disk ({disk_size(self.free_bytes)} "
            f"free) and {_time(self.seconds)}, judged by {tried - len(self.refused)} of them{why}."
        )

    def demand_room(self, root: Path) -> None:
        """Refuse to begin what will not fit.

        Raises:
            InputError: Names the folder.
        """
        if self.disk_bytes is not None and self.disk_bytes > self.free_bytes:
            raise InputError(
                f"{root}: {disk_size(self.free_bytes)} free, about {disk_size(self.disk_bytes)} "
                f"needed for {self.inputs} prepared inputs; make room, or give cache= another disk."
            )


def estimate(jobs: Sequence[Job], transforms: tio.Compose, root: Path) -> Estimate:
    """Prepare a few inputs of a few scans spread over the cohort and judge by them.

    Args:
        jobs: From `plan`.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache; nothing is written there.
    """
    inputs = sum(len(job.places) for job in jobs)
    tried = min(TRIED, len(jobs))
    chosen = [jobs[i * (len(jobs) - 1) // max(1, tried - 1)] for i in range(tried)]
    sizes, counts, seconds, gaps, refused = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for i, job in enumerate(chosen):
            started = time.perf_counter()
            places = [
                place._replace(file=Path(folder) / f"{i}-{k}{SUFFIX}")
                for k, place in enumerate(job.places[:PLACES])
            ]
            reasons = prepare_scan(job.image, job.series, places, transforms)
            taken = time.perf_counter() - started
            stored = [place.file.stat() for place in places if place.file.exists()]
            if stored:
                sizes += [one.st_size for one in stored]
                counts.append(len(stored))
                seconds.append(taken)
                # a scan is read once: what a further input takes lies between two files
                times = [one.st_mtime_ns / 1e9 for one in stored]
                gaps += [later - one for one, later in pairwise(times)]
            else:
                refused += [" ".join(one.split()) for one in reasons if one][:1]
    here = next(one for one in (root.absolute(), *root.absolute().parents) if one.exists())
    free = shutil.disk_usage(here).free
    if not sizes:
        return Estimate(len(jobs), inputs, None, None, free, tuple(refused))
    each = sum(gaps) / len(gaps) if gaps else 0.0
    reading = max(0.0, sum(seconds) - each * sum(counts)) / len(seconds)
    return Estimate(
        len(jobs),
        inputs,
        sum(sizes) / len(sizes) * inputs,
        (reading * len(jobs) + each * inputs) / min(processors(), max(1, len(jobs))),
        free,
        tuple(refused),
    )


def disk_size(count: float) -> str:
    """Bytes in kB, MB or GB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
