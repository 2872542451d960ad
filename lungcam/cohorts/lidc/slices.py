"""Positions of a series' slices, from the headers alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lungcam.cohorts.lidc.annotation import Contour
from lungcam.findings import ScanCheck
from lungcam.grid import Grid
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

# largest distance between a contour and its slice, as a fraction of the slice spacing
Z_SHARE = 0.25


class FaultySeries(Exception):
    """Error: the slices of a series cannot be placed; the message is a sentence."""


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices of one volume.

    Attributes:
        grid: Grid as from `lungcam.scans.read_scan`.
        index: Index of the slice by SOPInstanceUID.
        heights: `(D,)` LPS mm of the slices' first pixels.
    """

    grid: Grid
    index: dict[str, int]
    heights: np.ndarray

    def by_uid(self, contour: Contour) -> int | None:
        """Return the slice that has the contour's SOPInstanceUID."""
        return self.index.get(contour.sop_uid)

    def by_height(self, contour: Contour) -> int | None:
        """Return the slice at the contour's height."""
        distance = np.abs(self.heights - contour.z_mm)
        nearest = int(distance.argmin())
        return nearest if distance[nearest] <= Z_SHARE * self.grid.spacing_mm[2] else None

    def slice_of(self, contour: Contour) -> int | None:
        """Return a contour's slice by UID, else by height; None if there is none."""
        index = self.by_uid(contour)
        return self.by_height(contour) if index is None else index


@dataclass(frozen=True, eq=False, kw_only=True)
class Headers:
    """Headers of a folder, read once for all its series.

    Attributes:
        folder: The folder.
        contents: Other files of the folder, without the slices.
        by_uid: Headers of the slices by SeriesInstanceUID; "" for those without one.
        listed: Findings on files that could not be listed.
    """

    folder: Path
    contents: Contents
    by_uid: dict[str, list[Header]]
    listed: ScanCheck


def read_headers(folder: Path) -> Headers:
    """Read the headers of all DICOM files directly in a folder, without their pixels."""
    listed = ScanCheck(str(folder))
    with silence():
        contents = classify_files(list_files(listed, folder, deep=False))
    by_uid: dict[str, list[Header]] = {}
    for header in contents.slices:
        by_uid.setdefault(header.series_uid, []).append(header)
    return Headers(
        folder=folder,
        contents=replace(contents, slices=[], others=[]),
        by_uid=by_uid,
        listed=listed,
    )


def place_slices(headers: Headers, series_uid: str) -> Slices:
    """Place the slices of a series.

    Raises:
        FaultySeries: The series has a fault for which `read_scan` would refuse it too.
    """
    check = ScanCheck(str(headers.folder))
    check.findings.extend(headers.listed.findings)
    with silence():
        slices = sorted(
            [*headers.by_uid.get(series_uid, ()), *headers.by_uid.get("", ())],
            key=lambda header: header.file,
        )
        check_contents(check, replace(headers.contents, slices=slices))
        placeable = [
            header
            for header in slices
            if not (header.truncated or header_faults(header) & POSITION_FAULTS)
        ]
        check_headers(check, slices)
        stacks = group_into_stacks(placeable)
        if stacks:
            unique = stacks[0].unique
            slices = [stacks[0].slices[k] for k in unique]
            check_positions(
                check, slices, positions=stacks[0].positions[unique], spacing=stacks[0].spacing
            )
    refused = check.with_outcome("refused")
    if refused or not stacks or len(unique) < 2:
        message = refused[0].sentence if refused else "fewer than 2 slices."
        # the message becomes a note in the run's files, which must not name the user's folders
        raise FaultySeries(message.replace(str(headers.folder), headers.folder.name))
    # a slice at the position of another one has the same index
    index_of = {first: k for k, first in enumerate(unique)}
    index = {
        header.sop_uid: index_of[first]
        for header, first in zip(stacks[0].slices, stacks[0].first_at_position, strict=True)
    }
    heights = np.array([header.position[2] for header in slices])
    return Slices(stacks[0].grid(unique), index, heights)
