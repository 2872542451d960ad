"""Prepare a cohort's inputs, in parallel, once.

What preparing a cohort will cost, before anything is kept.
"""

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.cache_entry import DamagedEntry, read, store
from lungcam.data.cache_key import ContentHashes, cache_key, code_version, describe
from lungcam.data.lesion_mask import lesion_share
from lungcam.data.pixel_hash import pixel_hash
from lungcam.errors import InputError
from lungcam.runtime.parallel import processors, run_all
from lungcam.scans import Scan, read_scan
from lungcam.transforms import is_crop, place_center, prepare, quality, shows_whole_chest
from lungcam.transforms.subject import grid, volume

NO_CENTRE = (
    "no centre of a nodule is known, and this is no crop of one; give centres, or show both lungs "
    "by view=lungs."
)
SUFFIX = ".prepared"


class Place(NamedTuple):
    """An input to prepare from a scan.

    Attributes:
        center_mm: Centre of the nodule in RAS mm, None where unknown.
        file: Where the input is stored.
        lesion: Mask of the lesion that is stored with it, if it is learnt from.
    """

    center_mm: tuple[float, float, float] | None
    file: Path
    lesion: Path | None = None


@dataclass(frozen=True)
class Preparation:
    """What became of a cohort's samples.

    Attributes:
        files: File of the prepared input by sample_id; see `prepare_scan`.
        left_out: Why a sample has none, by sample_id.
    """

    files: Mapping[str, Path]
    left_out: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A scan, and the inputs to prepare from it.

    Attributes:
        image: The file or folder.
        series: SeriesInstanceUID, where the folder may hold several.
        places: The inputs.
        samples: Ids, in the same order.
    """

    image: Path
    series: str | None
    places: Sequence[Place]
    samples: Sequence[str]


@dataclass(frozen=True)
class Plan:
    """What is to be prepared.

    Attributes:
        jobs: One for each scan with inputs that are not in the cache, or damaged there.
        files: File of the prepared input by sample_id, there or not.
        left_out: Why a sample can have none, by sample_id.
    """

    jobs: Sequence[Job]
    files: Mapping[str, Path]
    left_out: Mapping[str, str]


def plan(
    samples: Sequence[Sample], transforms: tio.Compose, *, root: Path, lesions: bool = False
) -> Plan:
    """Look up which inputs are missing in the cache.

    Args:
        samples: The cohort's samples.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache.
        lesions: Whether the masks of lesions are stored with the inputs.
    """
    scans: dict[tuple[Path, str | None], list[Sample]] = defaultdict(list)
    for sample in samples:
        scans[sample.image, sample.series].append(sample)
    jobs, files, left_out, name = [], {}, {}, describe(transforms)
    with ContentHashes(root) as hashes:
        for (image, series), found in tqdm(scans.items(), desc="looking up scans", leave=False):
            try:
                content = hashes.of(image)
                masks = [one.lesion_mask if lesions else None for one in found]
                outlined = [mask and hashes.of(mask) for mask in masks]
            except OSError as error:
                told = f"{error.filename}: cannot be opened ({error.strerror}); check the path."
                left_out |= {sample.sample_id: told for sample in found}
                continue
            missing: dict[str, Place] = {}
            for one, mask, outline in zip(found, masks, outlined, strict=True):
                key = cache_key(
                    content, series, center_mm=one.center_mm, transforms=name, lesion=outline
                )
                files[one.sample_id] = file = root / f"{key}{SUFFIX}"
                if not _is_there(file):
                    missing[one.sample_id] = Place(one.center_mm, file, mask)
            if missing:
                jobs.append(
                    Job(
                        image=image,
                        series=series,
                        places=list(missing.values()),
                        samples=list(missing),
                    )
                )
    return Plan(jobs, files, left_out)


def _is_there(file: Path) -> bool:
    try:
        read(file)
    except DamagedEntry:
        return False
    return True


def prepare_cohort(planned: Plan, transforms: tio.Compose) -> Preparation:
    """Prepare every input that is not yet in the cache.

    Stopped halfway, it goes on where it was. A scan that cannot be read or prepared is left out and
    told.

    Args:
        planned: From `plan`.
        transforms: The same as there.

    Raises:
        InputError: Nothing can be prepared; the message names the first scan and why.
    """
    results = run_all(
        prepare_scan,
        [(job.image, job.series, job.places, transforms) for job in planned.jobs],
        label="preparing scans",
    )
    left_out = dict(planned.left_out)
    for job, reasons in zip(planned.jobs, results, strict=True):
        left_out |= {
            name: reason for name, reason in zip(job.samples, reasons, strict=True) if reason
        }
    files = {name: file for name, file in planned.files.items() if name not in left_out}
    if left_out and not files:
        raise InputError(next(iter(left_out.values())))
    return Preparation(files, left_out)


def prepare_scan(
    image: Path, series: str | None, places: Sequence[Place], transforms: tio.Compose
) -> list[str | None]:
    """Read one scan and store the inputs prepared from it.

    An entry's arrays are `input` and `lungs` on the network's grid, `lesion` on the same (see
    `lesion_share`) and `picture`, the mask's thumbnail; its facts are `affine` of that grid;
    `quality`, the figures of the mask, and `findings` of the scan and of the mask; `pixels`, the
    scan's `pixel_hash`; `study_uid` and `series_uid`, empty where there is none; `extent_mm`, its
    size along R, A and S; and `code`, the `code_version`.

    Args:
        image: The file or folder.
        series: SeriesInstanceUID, where the folder may hold several.
        places: The inputs.
        transforms: From `lungcam.transforms.pipeline`.

    Returns:
        Why an input could not be prepared, None where it was, in the order of `places`.
    """
    try:
        scan = read_scan(image, series, whole_chest=shows_whole_chest(transforms))
    except InputError as error:
        return [str(error)] * len(places)
    pixels = pixel_hash(scan)
    return [_prepare(scan, pixels, place=place, transforms=transforms) for place in places]


def _prepare(scan: Scan, pixels: str, *, place: Place, transforms: tio.Compose) -> str | None:
    center_mm: Sequence[float] | None = place.center_mm
    findings = list(scan.check.findings)
    extent_mm = np.multiply(scan.grid.canonical.shape, scan.grid.canonical.spacing_mm)
    if not shows_whole_chest(transforms):
        if center_mm is None and not is_crop(extent_mm):
            return f"{scan.source}: {NO_CENTRE}"
        try:
            center_mm, found = place_center(scan.grid, center_mm)
        except ValueError as error:
            return f"{scan.source}: {error}"
        findings += found
    try:
        subject = prepare(scan, transforms, center_mm=center_mm)
        shown = grid(subject, "input")
        lesion = None if place.lesion is None else lesion_share(place.lesion, shown)
    except InputError as error:
        return str(error)
    judged = quality(subject)
    findings += judged.findings
    facts = {
        "affine": shown.affine.tolist(),
        "quality": judged.figures,
        "findings": [asdict(one) for one in findings],
        "pixels": pixels,
        "study_uid": scan.study_uid or "",
        "series_uid": scan.series_uid or "",
        "extent_mm": extent_mm.tolist(),
        "code": code_version(),
    }
    arrays = {"input": volume(subject, "input"), "lungs": volume(subject, "input_lungs")}
    if lesion is not None:
        arrays["lesion"] = lesion
    if judged.picture is not None:
        arrays["picture"] = judged.picture
    store(place.file, facts, arrays=arrays)
    return None


TRIED = 3
PLACES = 5


@dataclass(frozen=True, kw_only=True)
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


def estimate(jobs: Sequence[Job], transforms: tio.Compose, *, root: Path) -> Estimate:
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
        return Estimate(
            scans=len(jobs),
            inputs=inputs,
            disk_bytes=None,
            seconds=None,
            free_bytes=free,
            refused=tuple(refused),
        )
    each = sum(gaps) / len(gaps) if gaps else 0.0
    reading = max(0.0, sum(seconds) - each * sum(counts)) / len(seconds)
    return Estimate(
        scans=len(jobs),
        inputs=inputs,
        disk_bytes=sum(sizes) / len(sizes) * inputs,
        seconds=(reading * len(jobs) + each * inputs) / min(processors(), max(1, len(jobs))),
        free_bytes=free,
        refused=tuple(refused),
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
