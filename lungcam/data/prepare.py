"""Preparation of a cohort's inputs into the cache, and an estimate of what it costs."""

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.cache_entry import DamagedEntry, read_entry, write_entry
from lungcam.data.cache_key import ContentHashes, cache_key, code_version, describe
from lungcam.data.lesion_mask import lesion_share
from lungcam.data.pixel_hash import pixel_hash
from lungcam.data.prepared_sample import PreparedSample, prepare_sample, read_sample
from lungcam.data.scan_traits import ScanTraits, scan_traits
from lungcam.errors import InputError
from lungcam.runtime.parallel import Failure, processors, run_all, work_ahead
from lungcam.scans import Scan
from lungcam.transforms import mask_thumbnail
from lungcam.transforms.subject import grid, volume

SUFFIX = ".prepared"
# an estimate prepares so many scans, and so many inputs of each
TRIED_SCANS = 3
TRIED_INPUTS = 5


@dataclass(frozen=True)
class PlannedInput:
    """An input to prepare and the file that holds it.

    Attributes:
        sample: Sample that is shown.
        file: File of the prepared input.
        lesion: True to store the mask of the lesion with the input, if training learns from it.
    """

    sample: Sample
    file: Path
    lesion: bool = False


@dataclass(frozen=True)
class Job:
    """Inputs to prepare from one scan.

    Attributes:
        inputs: Inputs, all of the same image and series.
    """

    inputs: Sequence[PlannedInput]

    @property
    def sample_ids(self) -> list[str]:
        """Ids of the samples, in the order of the inputs."""
        return [item.sample.sample_id for item in self.inputs]


@dataclass(frozen=True)
class Plan:
    """Work that preparing a cohort takes.

    Attributes:
        jobs: Jobs, one for each scan with inputs that are missing or damaged in the cache.
        files: File of the prepared input by sample_id, whether it exists or not.
        left_out: Reason why a sample has none, by sample_id.
    """

    jobs: Sequence[Job]
    files: Mapping[str, Path]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Preparation:
    """Result of preparing a cohort.

    Attributes:
        files: File of the prepared input by sample_id; see `prepare_scan`.
        left_out: Reason why a sample has none, by sample_id.
    """

    files: Mapping[str, Path]
    left_out: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Disk space and time that preparing takes.

    Attributes:
        scans: Number of scans to read.
        inputs: Number of inputs to store.
        disk_bytes: Size of all inputs, None if no scan that was tried could be prepared.
        seconds: Time on all processors, likewise.
        free_bytes: Free space on the disk of the cache.
        refused: Reasons why scans that were tried gave no input, a line each.
    """

    scans: int
    inputs: int
    disk_bytes: float | None
    seconds: float | None
    free_bytes: int
    refused: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Estimate in one sentence."""
        work = f"{self.inputs} inputs to prepare from {self.scans} scans"
        tried = min(TRIED_SCANS, self.scans)
        reason = f", the first since {self.refused[0].rstrip('.')}" if self.refused else ""
        if self.disk_bytes is None or self.seconds is None:
            return f"{work}; none of the {tried} that were tried can be prepared{reason}."
        if self.refused:
            reason = f"; {len(self.refused)} of {tried} that were tried cannot be prepared{reason}"
        return (
            f"{work}: about {disk_size(self.disk_bytes)} of disk ({disk_size(self.free_bytes)} "
            f"free) and {_duration(self.seconds)}, judged by {tried - len(self.refused)} of "
            f"them{reason}."
        )

    def demand_room(self, root: Path) -> None:
        """Refuse to begin if the inputs will not fit.

        Raises:
            InputError: Names the folder.
        """
        if self.disk_bytes is not None and self.disk_bytes > self.free_bytes:
            raise InputError(
                f"{root}: {disk_size(self.free_bytes)} free, about {disk_size(self.disk_bytes)} "
                f"needed for {self.inputs} prepared inputs; make room, or give cache= another disk."
            )


def plan(
    samples: Sequence[Sample], transforms: tio.Compose, *, root: Path, lesions: bool = False
) -> Plan:
    """Look up which inputs are missing in the cache.

    Args:
        samples: Samples of the cohort.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache.
        lesions: Store the masks of lesions with the inputs.
    """
    samples_by_scan: dict[tuple[object, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        reading = (sample.image, sample.series, sample.time, sample.tilt)
        samples_by_scan[reading].append(sample)
    jobs, files, left_out = [], {}, {}
    description = describe(transforms)
    with ContentHashes(root) as hashes:
        for group in tqdm(samples_by_scan.values(), desc="looking up scans", leave=False):
            try:
                inputs = _planned_inputs(
                    group, description, hashes=hashes, root=root, lesions=lesions
                )
            except OSError as error:
                reason = f"{error.filename}: cannot be opened ({error.strerror}); check the path."
                left_out |= {sample.sample_id: reason for sample in group}
                continue
            files |= {item.sample.sample_id: item.file for item in inputs}
            missing = [item for item in inputs if not _is_sound(item.file)]
            if missing:
                jobs.append(Job(missing))
    return Plan(jobs, files, left_out)


def prepare_cohort(planned: Plan, transforms: tio.Compose) -> Preparation:
    """Prepare every input that is not yet in the cache.

    An interrupted preparation continues with the inputs that are missing. A scan that cannot be
    read or prepared is left out, with the reason.

    Args:
        planned: From `plan`.
        transforms: Transforms that were given to `plan`.

    Raises:
        InputError: Nothing can be prepared; the message names the first scan and the reason.
    """
    results = run_all(
        prepare_scan,
        [(job, transforms) for job in planned.jobs],
        label="preparing scans",
        lenient=True,
    )
    left_out = dict(planned.left_out)
    for job, outcome in zip(planned.jobs, results, strict=True):
        reasons = _reasons(job, outcome)
        left_out |= {
            name: reason for name, reason in zip(job.sample_ids, reasons, strict=True) if reason
        }
    files = {name: file for name, file in planned.files.items() if name not in left_out}
    if left_out and not files:
        raise InputError(next(iter(left_out.values())))
    return Preparation(files, left_out)


def prepare_scan(job: Job, transforms: tio.Compose) -> list[str | None]:
    """Read one scan and store the inputs prepared from it.

    An entry's arrays are `input` and `lungs` on the network's grid, `lesion` on the same (see
    `lesion_share`) and `picture`, the mask's thumbnail; its facts are `affine` of that grid;
    `quality`, the figures of the mask, and `findings` of the scan and of the mask; `traits`, those
    of the scan that are known; `pixels`, the scan's `pixel_hash`; `study_uid` and `series_uid`,
    empty if there is none; `extent_mm`, its size along R, A and S; and `code`, the `code_version`.

    Args:
        job: Inputs of one scan.
        transforms: From `lungcam.transforms.pipeline`.

    Returns:
        Reason why an input could not be prepared, None if it was, in the order of the inputs.
    """
    try:
        scan = read_sample(job.inputs[0].sample, transforms)
    except InputError as error:
        return [str(error)] * len(job.inputs)
    pixels = pixel_hash(scan)
    return [_store_input(item, transforms, scan=scan, pixels=pixels) for item in job.inputs]


def _reasons(job: Job, outcome: list[str | None] | Failure) -> list[str | None]:
    """Return why inputs of a scan could not be prepared, also where its process died."""
    if isinstance(outcome, Failure):
        return [f"{job.inputs[0].sample.image}: {outcome.reason}"] * len(job.inputs)
    return outcome


def _timed(job: Job, transforms: tio.Compose) -> tuple[list[str | None], float]:
    """Prepare a scan, and return the seconds that it took, too."""
    started = time.perf_counter()
    reasons = prepare_scan(job, transforms)
    return reasons, time.perf_counter() - started


def estimate(jobs: Sequence[Job], transforms: tio.Compose, *, root: Path) -> Estimate:
    """Estimate the cost of jobs by preparing a few inputs of a few scans spread over the cohort.

    Args:
        jobs: From `plan`.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache; nothing is written there.
    """
    inputs = sum(len(job.inputs) for job in jobs)
    tried = min(TRIED_SCANS, len(jobs))
    chosen = [jobs[i * (len(jobs) - 1) // max(1, tried - 1)] for i in range(tried)]
    sizes, counts, seconds, gaps, refused = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        tries = [
            [
                replace(item, file=Path(folder) / f"{i}-{k}{SUFFIX}")
                for k, item in enumerate(job.inputs[:TRIED_INPUTS])
            ]
            for i, job in enumerate(chosen)
        ]
        # in another process: a decoder may crash
        outcomes = work_ahead(
            _timed, [(Job(few), transforms) for few in tries], workers=min(1, processors() - 1)
        )
        for few, outcome in zip(tries, outcomes, strict=True):
            if isinstance(outcome, Failure) and outcome.trace is not None:
                raise RuntimeError(outcome.trace)
            timed = (outcome, 0.0) if isinstance(outcome, Failure) else outcome
            reasons, elapsed = _reasons(Job(few), timed[0]), timed[1]
            stored = [item.file.stat() for item in few if item.file.exists()]
            if stored:
                sizes += [file.st_size for file in stored]
                counts.append(len(stored))
                seconds.append(elapsed)
                # a scan is read once: the time of a further input lies between two files
                times = [file.st_mtime_ns / 1e9 for file in stored]
                gaps += [later - earlier for earlier, later in pairwise(times)]
            else:
                refused += [" ".join(reason.split()) for reason in reasons if reason][:1]
    folders = (root.absolute(), *root.absolute().parents)
    free = shutil.disk_usage(next(folder for folder in folders if folder.exists())).free
    disk_bytes, total_seconds = None, None
    if sizes:
        each = sum(gaps) / len(gaps) if gaps else 0.0
        reading = max(0.0, sum(seconds) - each * sum(counts)) / len(seconds)
        disk_bytes = sum(sizes) / len(sizes) * inputs
        total_seconds = (reading * len(jobs) + each * inputs) / min(processors(), len(jobs))
    return Estimate(
        scans=len(jobs),
        inputs=inputs,
        disk_bytes=disk_bytes,
        seconds=total_seconds,
        free_bytes=free,
        refused=tuple(refused),
    )


def disk_size(count: float) -> str:
    """Format a number of bytes in kB, MB or GB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"


def _planned_inputs(
    samples: Sequence[Sample],
    description: str,
    *,
    hashes: ContentHashes,
    root: Path,
    lesions: bool,
) -> list[PlannedInput]:
    """Return the inputs of samples that share a scan.

    Raises:
        OSError: The scan or a mask cannot be opened.
    """
    content = hashes.of(samples[0].image)
    inputs = []
    for sample in samples:
        lesion = sample.lesion_mask if lesions else None
        masks = [
            f"{hashes.of(mask)} {segment or ''}" if mask else ""
            for mask, segment in (
                (lesion, sample.lesion_segment),
                (sample.lungs_mask, sample.lungs_segment),
            )
        ]
        key = cache_key(
            content,
            sample.series,
            center_mm=sample.center_mm,
            transforms=description,
            masks=masks,
            reading=f"{sample.time} {sample.tilt}",
        )
        inputs.append(PlannedInput(sample, root / f"{key}{SUFFIX}", lesion is not None))
    return inputs


def _is_sound(file: Path) -> bool:
    try:
        read_entry(file)
    except DamagedEntry:
        return False
    return True


def _store_input(
    item: PlannedInput, transforms: tio.Compose, *, scan: Scan, pixels: str
) -> str | None:
    """Prepare and store one input; return the reason if that fails."""
    try:
        prepared = prepare_sample(item.sample, transforms, scan=scan)
        input_grid = grid(prepared.subject, "input")
        lesion = None
        if item.lesion:
            lesion = lesion_share(item.sample, input_grid, scan=scan)
    except InputError as error:
        return str(error)
    canonical = scan.grid.canonical
    facts = {
        "affine": input_grid.affine.tolist(),
        "quality": prepared.quality.figures,
        "findings": [asdict(finding) for finding in prepared.findings],
        "pixels": pixels,
        "traits": traits_of(item.sample, prepared).known(),
        "study_uid": scan.study_uid or "",
        "series_uid": scan.series_uid or "",
        "extent_mm": np.multiply(canonical.shape, canonical.spacing_mm).tolist(),
        "code": code_version(),
    }
    arrays = {
        "input": volume(prepared.subject, "input"),
        "lungs": volume(prepared.subject, "input_lungs"),
    }
    if lesion is not None:
        arrays["lesion"] = lesion
    picture = mask_thumbnail(prepared.subject)
    if picture is not None:
        arrays["picture"] = picture
    write_entry(item.file, facts, arrays=arrays)
    return None


def traits_of(sample: Sample, prepared: PreparedSample) -> ScanTraits:
    """Measure the traits of a prepared sample's scan; a nodule's crop has no lungs."""
    subject, figures = prepared.subject, prepared.quality.figures
    return scan_traits(
        prepared.scan,
        lungs=volume(subject, "lungs") if "lungs" in subject else None,
        lungs_ml=figures.get("lungs_ml"),
        age=sample.age,
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
