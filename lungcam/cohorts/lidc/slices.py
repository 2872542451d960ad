"""Where the slices of a series stand, from the headers alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lungcam.cohorts.lidc.annotation import Contour
from lungcam.grid import Grid
from lungcam.scans.contents import Contents, contents_of, note_contents
from lungcam.scans.discover import list_files
from lungcam.scans.headers import Header
from lungcam.scans.placing import note_places
from lungcam.scans.quiet import quiet
from lungcam.scans.slice_faults import PLACING, faults_of, note_faults
from lungcam.scans.stack import stacks_of
from lungcam.verdict import Verdict

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


@dataclass(frozen=True, eq=False)
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
    listed: Verdict


def read_headers(folder: Path) -> Headers:
    """Read the headers of all DICOM files directly in a folder; no pixel is read."""
    listed = Verdict(str(folder))
    with quiet():
        found = contents_of(list_files(listed, folder, deep=False))
    by_uid: dict[str, list[Header]] = {}
    for one in found.slices:
        by_uid.setdefault(one.uid, []).append(one)
    return Headers(folder, replace(found, slices=[], others=[]), by_uid, listed)


def place_slices(headers: Headers, series_uid: str) -> Slices:
    """Place the slices of a series.

    Raises:
        FaultySeries: `read_scan` would refuse the series for the same fault.
    """
    verdict = Verdict(str(headers.folder))
    verdict.findings.extend(headers.listed.findings)
    with quiet():
        slices = sorted(
            [*headers.by_uid.get(series_uid, ()), *headers.by_uid.get("", ())],
            key=lambda one: one.file,
        )
        note_contents(verdict, replace(headers.contents, slices=slices))
        placed = [one for one in slices if not (one.cut or faults_of(one) & PLACING)]
        note_faults(verdict, slices)
        stacks = stacks_of(placed)
        if stacks:
            kept = stacks[0].without_repeats
            slices = [stacks[0].slices[k] for k in kept]
            note_places(verdict, slices, stacks[0].places[kept], stacks[0].spacing)
    refused = verdict.of("refused")
    if refused or not stacks or len(kept) < 2:
        told = refused[0].sentence if refused else "fewer than 2 slices."
        # it becomes a note, which goes into the run's files
        raise FaultySeries(told.replace(str(headers.folder), headers.folder.name))
    # a slice that repeats another one's position stands for the same voxels
    slot = {first: k for k, first in enumerate(kept)}
    index = {
        one.sop_uid: slot[first]
        for one, first in zip(stacks[0].slices, stacks[0].stands_for, strict=True)
    }
    heights = np.array([one.position[2] for one in slices])
    return Slices(stacks[0].grid(kept), index, heights)
