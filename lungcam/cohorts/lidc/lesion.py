"""A nodule in the scan: its place, size and voxels.

Where the slices of a series stand, from the headers alone.

Series with their nodules drawn, kept in the cache.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lungcam.cohorts.dicom_index import Series
from lungcam.cohorts.lidc.annotation import Annotation, Contour, Reading
from lungcam.cohorts.lidc.consensus import Nodule, Region, cluster, consensus, draw
from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.scans import write_volume
from lungcam.scans.dicom_header import Header
from lungcam.scans.discover import list_files
from lungcam.scans.silence import silence
from lungcam.scans.slice_checks import (
    POSITION_FAULTS,
    Contents,
    check_contents,
    check_headers,
    classify_files,
    header_faults,
)
from lungcam.scans.slice_geometry import check_positions, group_into_stacks

# of the distance between slices: how far a contour's height may lie from its slice's
Z_SHARE = 0.25


class FaultySeries(Exception):
    """A series whose slices cannot be placed; says why in a sentence."""


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of one volume.

    Attributes:
        grid: As `lungcam.scans.read_scan` gives it.
        index: Index of the slice by SOPInstanceUID.
        heights: `(D,)` LPS mm of the slices' first pixels.
    """

    grid: Grid
    index: dict[str, int]
    heights: np.ndarray

    def by_uid(self, contour: Contour) -> int | None:
        """The slice whose SOPInstanceUID the contour names."""
        return self.index.get(contour.sop_uid)

    def by_height(self, contour: Contour) -> int | None:
        """The slice at the contour's height."""
        apart = np.abs(self.heights - contour.z_mm)
        nearest = int(apart.argmin())
        return nearest if apart[nearest] <= Z_SHARE * self.grid.spacing_mm[2] else None

    def slice_of(self, contour: Contour) -> int | None:
        """A contour's slice: by UID, else by height; None where there is none."""
        found = self.by_uid(contour)
        return self.by_height(contour) if found is None else found


@dataclass(frozen=True, eq=False, kw_only=True)
class Headers:
    """The headers of a folder, read once for all series in it.

    Attributes:
        folder: The folder.
        contents: What lies in it, but for the slices.
        by_uid: Headers of the slices by SeriesInstanceUID; "" for those that name none.
        listed: Findings on files that could not be listed.
    """

    folder: Path
    contents: Contents
    by_uid: dict[str, list[Header]]
    listed: ScanCheck


def read_headers(folder: Path) -> Headers:
    """Read the headers of all DICOM files directly in a folder; no pixel is read."""
    listed = ScanCheck(str(folder))
    with silence():
        found = classify_files(list_files(listed, folder, deep=False))
    by_uid: dict[str, list[Header]] = {}
    for one in found.slices:
        by_uid.setdefault(one.series_uid, []).append(one)
    return Headers(
        folder=folder, contents=replace(found, slices=[], others=[]), by_uid=by_uid, listed=listed
    )


def place_slices(headers: Headers, series_uid: str) -> Slices:
    """Place the slices of a series.

    Raises:
        FaultySeries: `read_scan` would refuse the series for the same fault.
    """
    check = ScanCheck(str(headers.folder))
    check.findings.extend(headers.listed.findings)
    with silence():
        slices = sorted(
            [*headers.by_uid.get(series_uid, ()), *headers.by_uid.get("", ())],
            key=lambda one: one.file,
        )
        check_contents(check, replace(headers.contents, slices=slices))
        placed = [
            one for one in slices if not (one.truncated or header_faults(one) & POSITION_FAULTS)
        ]
        check_headers(check, slices)
        stacks = group_into_stacks(placed)
        if stacks:
            kept = stacks[0].unique
            slices = [stacks[0].slices[k] for k in kept]
            check_positions(
                check, slices, positions=stacks[0].positions[kept], spacing=stacks[0].spacing
            )
    refused = check.with_outcome("refused")
    if refused or not stacks or len(kept) < 2:
        told = refused[0].sentence if refused else "fewer than 2 slices."
        # it becomes a note, which goes into the run's files
        raise FaultySeries(told.replace(str(headers.folder), headers.folder.name))
    # a slice that repeats another one's position stands for the same voxels
    slot = {first: k for k, first in enumerate(kept)}
    index = {
        one.sop_uid: slot[first]
        for one, first in zip(stacks[0].slices, stacks[0].first_at_position, strict=True)
    }
    heights = np.array([one.position[2] for one in slices])
    return Slices(stacks[0].grid(kept), index, heights)


# so that what is interpolated at the mask's edge is what it would be in the whole volume
MARGIN = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesion:
    """A nodule and where it lies.

    Attributes:
        nodule: Its marks; read from the cache, they have no outlines.
        center_mm: RAS mm: mean of the readers' centres of mass. None where no outline surrounds a
            pixel.
        diameter_mm: Mean over the readers of the diameter of a sphere as large as what they drew.
            Of the usual measures it comes nearest to LUNA16's diameter_mm (mean difference 0.16 mm
            over 1,174 nodules).
        mask: Name of the file with the voxels that half of its readers or more drew.
    """

    nodule: Nodule
    center_mm: tuple[float, float, float] | None = None
    diameter_mm: float | None = None
    mask: str | None = None

    def as_dict(self) -> dict[str, object]:
        """For JSON; without the outlines."""
        return {
            "marks": [
                {"reader": one.reader, "nodule_id": one.nodule_id, "ratings": dict(one.ratings)}
                for one in self.nodule.annotations
            ],
            "ambiguous": self.nodule.ambiguous,
            "center_mm": self.center_mm,
            "diameter_mm": self.diameter_mm,
            "mask": self.mask,
        }


def lesion_from(kept: dict) -> Lesion:
    """What `Lesion.as_dict` gave."""
    marks = tuple(
        Annotation(
            reader=one["reader"], nodule_id=one["nodule_id"], ratings=one["ratings"], contours=()
        )
        for one in kept["marks"]
    )
    center = kept["center_mm"]
    return Lesion(
        nodule=Nodule(marks, kept["ambiguous"]),
        center_mm=None if center is None else tuple(center),
        diameter_mm=kept["diameter_mm"],
        mask=kept["mask"],
    )


def outline_lesion(nodule: Nodule, slices: Slices, *, mask: Path) -> Lesion:
    """Draw a nodule into the scan and write its mask, unless the file is there.

    Args:
        nodule: With outlines.
        slices: Of the scan.
        mask: The file for the mask, on a box of the scan's grid.

    Returns:
        The lesion; without centre, diameter and mask where no outline surrounds a pixel.
    """
    regions = [
        draw(
            [
                contour
                for one in nodule.annotations
                if one.reader == reader
                for contour in one.contours
            ],
            slices.slice_of,
            shape=slices.grid.shape,
        )
        for reader in nodule.readers
    ]
    drawn = [one for one in regions if one is not None and one.mask.any()]
    if not drawn:
        return Lesion(nodule=nodule)
    voxel_mm3 = float(np.prod(slices.grid.spacing_mm))
    volumes = np.array([one.mask.sum() for one in drawn]) * voxel_mm3
    centers = [np.argwhere(one.mask).mean(axis=0) + one.start for one in drawn]
    x, y, z = slices.grid.to_world(np.mean(centers, axis=0)).tolist()
    if not mask.exists():
        _write(mask, consensus(drawn), grid=slices.grid)
    diameter = float(np.cbrt(6 * volumes / np.pi).mean())
    return Lesion(nodule=nodule, center_mm=(x, y, z), diameter_mm=diameter, mask=mask.name)


def joins(nodule: Nodule, slices: Slices) -> Counter[str]:
    """How many outlines found their slice by UID, only by height, or not at all."""
    told: Counter[str] = Counter()
    for one in nodule.annotations:
        for contour in one.contours:
            by_uid = slices.by_uid(contour) is not None
            found = by_uid or slices.by_height(contour) is not None
            told["uid" if by_uid else "height" if found else "none"] += 1
    return told


def _write(path: Path, region: Region, *, grid: Grid) -> None:
    box = tuple(
        slice(max(0, side.start - MARGIN), min(size, side.stop + MARGIN))
        for side, size in zip(region.box, grid.shape, strict=True)
    )
    mask = np.zeros([side.stop - side.start for side in box], np.uint8)
    within = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(region.box, box, strict=True)
    )
    mask[within] = region.mask
    write_volume(path, mask, grid=grid.crop(box))


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
    *,
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
    kept = [_load(cache, one.series_uid, key=key) for one, key in zip(series, keys, strict=True)]
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
        drawn = run_all(outline_folder, jobs, label="LIDC folders", workers=workers)
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
    return [outline_series(headers, reading, key=key, cache=cache) for reading, key in wanted]


def outline_series(headers: Headers, reading: Reading, *, key: str, cache: Path) -> Outlined:
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
            lesions.append(outline_lesion(nodule, slices, mask=mask))
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


def _load(cache: Path, series_uid: str, *, key: str) -> Outlined | None:
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
