"""Prepare a cohort's inputs, in parallel, once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.content import ContentHashes
from lungcam.data.entry import DamagedEntry, read, store
from lungcam.data.key import cache_key, code_version, describe
from lungcam.data.pixels import pixel_hash
from lungcam.errors import InputError
from lungcam.pool import run_all
from lungcam.scans import Scan, read_scan
from lungcam.transforms import is_crop, place_center, prepare, quality, shows_whole_chest
from lungcam.transforms.volumes import grid, volume

NO_CENTRE = (
    "no centre of a nodule is known, and this is no crop of one; give centres, or show both lungs "
    "by view=lungs."
)
SUFFIX = ".prepared"
Place = tuple[tuple[float, float, float] | None, Path]


@dataclass(frozen=True)
class Preparation:
    """What became of a cohort's samples.

    Attributes:
        files: File of the prepared input by sample_id; see `prepare_scan`.
        left_out: Why a sample has none, by sample_id.
    """

    files: Mapping[str, Path]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """A scan, and the inputs to prepare from it.

    Attributes:
        image: The file or folder.
        series: SeriesInstanceUID, where the folder may hold several.
        places: Centre in RAS mm, or None, and file of each input.
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


def plan(samples: Sequence[Sample], transforms: tio.Compose, root: Path) -> Plan:
    """Look up which inputs are missing in the cache.

    Args:
        samples: The cohort's samples.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache.
    """
    scans: dict[tuple[Path, str | None], list[Sample]] = defaultdict(list)
    for sample in samples:
        scans[sample.image, sample.series].append(sample)
    jobs, files, left_out, name = [], {}, {}, describe(transforms)
    with ContentHashes(root) as hashes:
        for (image, series), found in tqdm(scans.items(), desc="looking up scans", leave=False):
            try:
                content = hashes.of(image)
            except OSError as error:
                told = f"{image}: cannot be opened ({error.strerror}); check the path."
                left_out |= {sample.sample_id: told for sample in found}
                continue
            missing: dict[str, Place] = {}
            for one in found:
                file = root / f"{cache_key(content, series, one.center_mm, name)}{SUFFIX}"
                files[one.sample_id] = file
                if not _is_there(file):
                    missing[one.sample_id] = (one.center_mm, file)
            if missing:
                jobs.append(Job(image, series, list(missing.values()), list(missing)))
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
        "preparing scans",
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

    An entry's arrays are `input` and `lungs` on the network's grid and `picture`, the mask's
    thumbnail; its facts are `affine` of that grid; `quality`, the figures of the mask, and
    `findings` of the scan and of the mask; `pixels`, the scan's `pixel_hash`; `study_uid` and
    `series_uid`, empty where there is none; `extent_mm`, its size along R, A and S; and `code`, the
    `code_version`.

    Args:
        image: The file or folder.
        series: SeriesInstanceUID, where the folder may hold several.
        places: Centre in RAS mm, or None, and file of each input.
        transforms: From `lungcam.transforms.pipeline`.

    Returns:
        Why an input could not be prepared, None where it was, in the order of `places`.
    """
    try:
        scan = read_scan(image, series, whole_chest=shows_whole_chest(transforms))
    except InputError as error:
        return [str(error)] * len(places)
    pixels = pixel_hash(scan)
    return [_prepare(scan, pixels, center, transforms, file) for center, file in places]


def _prepare(
    scan: Scan,
    pixels: str,
    center_mm: Sequence[float] | None,
    transforms: tio.Compose,
    file: Path,
) -> str | None:
    findings = list(scan.verdict.findings)
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
        subject = prepare(scan, transforms, center_mm)
    except InputError as error:
        return str(error)
    judged = quality(subject)
    findings += judged.findings
    facts = {
        "affine": grid(subject, "input").affine.tolist(),
        "quality": judged.figures,
        "findings": [asdict(one) for one in findings],
        "pixels": pixels,
        "study_uid": scan.study_uid or "",
        "series_uid": scan.series_uid or "",
        "extent_mm": extent_mm.tolist(),
        "code": code_version(),
    }
    arrays = {"input": volume(subject, "input"), "lungs": volume(subject, "input_lungs")}
    if judged.picture is not None:
        arrays["picture"] = judged.picture
    store(file, facts, arrays)
    return None
