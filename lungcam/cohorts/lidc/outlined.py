"""Series with their nodules drawn, kept in the cache."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.catalogue import Series
from lungcam.cohorts.lidc.annotation import Reading
from lungcam.cohorts.lidc.cluster import cluster
from lungcam.cohorts.lidc.lesion import Lesion, joins, lesion_from, outline_lesion
from lungcam.cohorts.lidc.slices import FaultySeries, Headers, place_slices, read_headers
from lungcam.files import write_text
from lungcam.pool import run_all

# to be raised whenever the same files give other lesions, so that old ones are not taken for new
VERSION = 1


@dataclass(frozen=True, eq=False)
class Outlined:
    """One series.

    Attributes:
        lesions: In the order of `cluster`.
        joins: Outlines by how they found their slice, see `lesion.joins`.
        fault: Why its slices cannot be placed; empty where they can.
    """

    lesions: list[Lesion]
    joins: Counter[str] = field(default_factory=Counter)
    fault: str = ""


def outline_all(
    series: Sequence[Series],
    digests: Sequence[str],
    readings: Callable[[], dict[str, Reading]],
    cache: Path,
    workers: int | None,
) -> list[Outlined]:
    """Draw the nodules of many series; those in the cache are taken from there.

    What is kept of a series is used again while its XML file's content and its folder's files
    (names, sizes, times) are the same, and all its masks are there.

    Args:
        series: The CT series.
        digests: Of the XML file of each.
        readings: Gives the readings by series UID; called only where something is missing.
        cache: Folder for the masks and for what is known of each series.
        workers: Processes.
    """
    states = {folder: _state(folder) for folder in {one.folder for one in series}}
    keys = [_key(states[one.folder], digest) for one, digest in zip(series, digests, strict=True)]
    kept = [_load(cache, one.series_uid, key) for one, key in zip(series, keys, strict=True)]
    missing = [at for at, one in enumerate(kept) if one is None]
    if missing:
        known = readings()
        by_folder: dict[Path, list[int]] = {}
        for at in missing:
            by_folder.setdefault(series[at].folder, []).append(at)
        jobs = [
            (folder, [(known[series[at].series_uid], keys[at]) for at in inside], cache)
            for folder, inside in by_folder.items()
        ]
        drawn = run_all(outline_folder, jobs, "LIDC folders", workers)
        for inside, found in zip(by_folder.values(), drawn, strict=True):
            for at, one in zip(inside, found, strict=True):
                kept[at] = one
    return [one for one in kept if one is not None]


def outline_folder(
    folder: Path, wanted: Sequence[tuple[Reading, str]], cache: Path
) -> list[Outlined]:
    """Draw the nodules of the series in one folder, whose headers are read once.

    Args:
        folder: The folder.
        wanted: Reading and key of each series.
        cache: Folder for what is found.
    """
    headers = read_headers(folder)
    return [outline_series(headers, reading, key, cache) for reading, key in wanted]


def outline_series(headers: Headers, reading: Reading, key: str, cache: Path) -> Outlined:
    """Draw the nodules of one series and keep them, masks first."""
    try:
        slices = place_slices(headers, reading.series_uid)
    except FaultySeries as error:
        found = Outlined([], fault=str(error))
    else:
        x, y, _ = slices.grid.spacing_mm
        nodules = cluster(reading.annotations, (x, y))
        told: Counter[str] = Counter()
        lesions = []
        for n, nodule in enumerate(nodules, 1):
            told += joins(nodule, slices)
            # the key in the name: a mask of other outlines or another grid is never taken for it
            mask = cache / f"{reading.series_uid}_{n}_{key[:8]}.nii.gz"
            lesions.append(outline_lesion(nodule, slices, mask))
        found = Outlined(lesions, told)
    text = json.dumps(
        {
            "key": key,
            "fault": found.fault,
            "joins": found.joins,
            "lesions": [one.as_dict() for one in found.lesions],
        }
    )
    write_text(_file(cache, reading.series_uid), text + "\n")
    return found


def _file(cache: Path, series_uid: str) -> Path:
    return cache / f"{series_uid}.json"


def _state(folder: Path) -> str:
    """Digest of a folder's path and of its files' names, sizes and times."""
    with os.scandir(folder) as entries:
        state = sorted(
            (entry.name, (status := entry.stat()).st_size, status.st_mtime_ns)
            for entry in entries
            if entry.is_file()
        )
    return hashlib.sha256(json.dumps([str(folder), state]).encode()).hexdigest()


def _key(state: str, digest: str) -> str:
    """Of all that decides a series' lesions: its folder's state and its XML file's digest."""
    return hashlib.sha256(json.dumps([VERSION, digest, state]).encode()).hexdigest()[:16]


def _load(cache: Path, series_uid: str, key: str) -> Outlined | None:
    """What is kept; None if it is not there, not whole, of other files, or a mask is gone."""
    try:
        kept = json.loads(_file(cache, series_uid).read_text(encoding="utf-8"))
        if kept["key"] != key:
            return None
        lesions = [lesion_from(one) for one in kept["lesions"]]
        found = Outlined(lesions, Counter(kept["joins"]), kept["fault"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = all(one.mask is None or (cache / one.mask).exists() for one in lesions)
    return found if whole else None
