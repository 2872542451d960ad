"""Lesions of many series, located in parallel and stored in the cache."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.lidc.annotation import Reading
from lungcam.cohorts.lidc.lesion import Lesion, count_matches, lesion_from, locate_lesion
from lungcam.cohorts.lidc.nodule import cluster
from lungcam.cohorts.lidc.slices import FaultySeries, Headers, place_slices, read_headers
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all

# to be raised whenever the same files give other lesions, so that cached ones are not used
VERSION = 1


@dataclass(frozen=True, eq=False)
class SeriesLesions:
    """Lesions of one series.

    Attributes:
        lesions: Lesions in the order of `cluster`.
        matches: Number of contours by how they match a slice; see `lesion.count_matches`.
        fault: Reason why the slices cannot be placed; empty if they can.
    """

    lesions: list[Lesion]
    matches: Counter[str] = field(default_factory=Counter)
    fault: str = ""


def locate_lesions(
    series: Sequence[Series],
    digests: Sequence[str],
    *,
    readings: Callable[[], dict[str, Reading]],
    cache: Path,
    workers: int | None,
) -> list[SeriesLesions]:
    """Locate the nodules of many series, or take them from the cache.

    A cached series is used while the content of its XML file and the files of its folder (names,
    sizes, times) are the same and all its masks exist.

    Args:
        series: CT series.
        digests: Digest of each series' XML file.
        readings: Function that returns the readings by series UID; called only if a series is not
            in the cache.
        cache: Folder for masks and records of the series.
        workers: Number of processes.
    """
    states = {folder: _state(folder) for folder in {item.folder for item in series}}
    keys = [_key(states[item.folder], digest) for item, digest in zip(series, digests, strict=True)]
    results = [
        _load(cache, item.series_uid, key=key) for item, key in zip(series, keys, strict=True)
    ]
    missing: dict[Path, list[int]] = {}
    for index, result in enumerate(results):
        if result is None:
            missing.setdefault(series[index].folder, []).append(index)
    if missing:
        reading_of = readings()
        jobs = [
            (folder, [(reading_of[series[i].series_uid], keys[i]) for i in indices])
            for folder, indices in missing.items()
        ]
        located = run_all(
            partial(locate_in_folder, cache=cache), jobs, label="LIDC folders", workers=workers
        )
        for indices, lesions in zip(missing.values(), located, strict=True):
            for index, result in zip(indices, lesions, strict=True):
                results[index] = result
    return [result for result in results if result is not None]


def locate_in_folder(
    folder: Path, requests: Sequence[tuple[Reading, str]], *, cache: Path
) -> list[SeriesLesions]:
    """Locate the nodules of the series in one folder; its headers are read once.

    Args:
        folder: Folder of the DICOM files.
        requests: Reading and cache key of each series.
        cache: Folder for masks and records of the series.
    """
    headers = read_headers(folder)
    return [locate_in_series(headers, reading, key=key, cache=cache) for reading, key in requests]


def locate_in_series(headers: Headers, reading: Reading, *, key: str, cache: Path) -> SeriesLesions:
    """Locate the nodules of one series and store them, masks first."""
    try:
        slices = place_slices(headers, reading.series_uid)
    except FaultySeries as error:
        result = SeriesLesions([], fault=str(error))
    else:
        x_mm, y_mm, _ = slices.grid.spacing_mm
        matches: Counter[str] = Counter()
        lesions = []
        for number, nodule in enumerate(cluster(reading.annotations, (x_mm, y_mm)), 1):
            matches += count_matches(nodule, slices)
            # the key in the name: a mask of other contours or another grid is never reused
            mask = cache / f"{reading.series_uid}_{number}_{key[:8]}.nii.gz"
            lesions.append(locate_lesion(nodule, slices, mask=mask))
        result = SeriesLesions(lesions, matches)
    record = {
        "key": key,
        "fault": result.fault,
        "joins": result.matches,
        "lesions": [lesion.as_dict() for lesion in result.lesions],
    }
    write_text(_file(cache, reading.series_uid), json.dumps(record) + "\n")
    return result


def _file(cache: Path, series_uid: str) -> Path:
    return cache / f"{series_uid}.json"


def _state(folder: Path) -> str:
    """Return a digest of a folder's path and of its files' names, sizes and times."""
    with os.scandir(folder) as entries:
        state = sorted(
            (entry.name, (status := entry.stat()).st_size, status.st_mtime_ns)
            for entry in entries
            if entry.is_file()
        )
    return hashlib.sha256(json.dumps([str(folder), state]).encode()).hexdigest()


def _key(state: str, digest: str) -> str:
    """Return a key of all that decides a series' lesions: its folder's state and its XML file."""
    return hashlib.sha256(json.dumps([VERSION, digest, state]).encode()).hexdigest()[:16]


def _load(cache: Path, series_uid: str, *, key: str) -> SeriesLesions | None:
    """Return a cached series; None if it is missing, damaged, outdated or lacks a mask."""
    try:
        record = json.loads(_file(cache, series_uid).read_text(encoding="utf-8"))
        if record["key"] != key:
            return None
        lesions = [lesion_from(item) for item in record["lesions"]]
        result = SeriesLesions(lesions, Counter(record["joins"]), record["fault"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    complete = all(lesion.mask is None or (cache / lesion.mask).exists() for lesion in lesions)
    return result if complete else None
