"""A DICOM series: checked, chosen, read and placed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam.findings import Outcome, ScanCheck
from lungcam.grid import Grid
from lungcam.scans.dicom_header import Header
from lungcam.scans.hounsfield import fill_corners
from lungcam.scans.pixels import PADDING_ABOVE, PADDING_BELOW, padding_hu, read_pixels
from lungcam.scans.slice_checks import (
    PLACING,
    UNSCALED,
    Contents,
    contents_of,
    faults_of,
    note_contents,
    note_faults,
)
from lungcam.scans.slice_geometry import SAME_POSITION_MM, Stack, difference, note_places, stacks_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume:
    """What was read from one source.

    Attributes:
        hu: `(W, H, D)` int16.
        grid: Its place, RAS mm.
        uid: SeriesInstanceUID, None for other formats.
        study_uid: StudyInstanceUID, None for other formats and where the headers differ.
        folder: Of the files, None for other formats.
        slices: Headers of the slices in order of D, none for other formats.
    """

    hu: np.ndarray
    grid: Grid
    uid: str | None = None
    study_uid: str | None = None
    folder: Path | None = None
    slices: tuple[Header, ...] = ()


def read_series(verdict: ScanCheck, files: Iterable[Path], *, wanted: str | None) -> Volume | None:
    """Read the wanted series among some files, or the largest stack.

    Slices are ordered, and their spacing taken, from ImagePositionPatient along the normal of
    ImageOrientationPatient (DICOM PS3.3 C.7.6.2): never from file names, InstanceNumber,
    SliceThickness or SpacingBetweenSlices.

    Args:
        verdict: Takes all findings.
        files: Any files; what is no CT slice is left aside.
        wanted: SeriesInstanceUID.

    Returns:
        The volume, None if it cannot be made; even if it is given, the verdict may refuse it.
    """
    found = contents_of(files)
    if wanted is not None and not _narrow(verdict, found, wanted=wanted):
        return None
    note_contents(verdict, found)
    if not found.slices:
        return None
    placed = [one for one in found.slices if not (one.cut or faults_of(one) & PLACING)]
    stacks = stacks_of(placed)
    if not stacks:
        note_faults(verdict, found.slices)
        return None
    taken = stacks[0]
    misplaced = set(found.slices) - set(placed)
    misplaced = [one for one in found.slices if one in misplaced and one.uid in ("", taken.uid)]
    note_faults(verdict, taken.slices + misplaced)
    volume = _assemble(verdict, taken)
    _note_others(verdict, stacks, found=found)
    return volume


def _narrow(verdict: ScanCheck, found: Contents, *, wanted: str) -> bool:
    """Keep the wanted series only; refuse if there is none."""
    uids = sorted({one.uid for one in found.slices if one.uid})
    if wanted not in uids:
        choice = f"choose series= from {', '.join(uids[:20])}" if uids else "there is no CT series"
        verdict.add("no_such_series", "refused", "no CT series of the UID given as series=", choice)
        return False
    folders = {one.file.parent for one in found.slices if one.uid == wanted}
    # a slice without a UID that lies beside the wanted ones may be one of them
    found.slices = [
        one
        for one in found.slices
        if one.uid == wanted or (not one.uid and one.file.parent in folders)
    ]
    found.others = []
    for files in (found.strays, found.empty, found.damaged, found.unreadable):
        files[:] = [file for file in files if file.parent in folders]
    return True


def _assemble(verdict: ScanCheck, taken: Stack) -> Volume | None:
    """Read a stack's pixels, drop repeated slices and place the rest."""
    readable = [one for one in taken.slices if not faults_of(one) & UNSCALED]
    values: dict[Header, np.ndarray] = {}
    hu = None
    if readable:
        hu, read = read_pixels(verdict, readable)
        values = {readable[k]: hu[at] for at, k in enumerate(read)}
    kept = _without_repeats(verdict, taken, values=values)
    if len(kept) == 1:
        verdict.add(
            "image_2d", "refused", "1 slice(s) are no volume", "give the folder of a whole series"
        )
    slices = [taken.slices[k] for k in kept]
    places = taken.places[kept]
    note_places(verdict, slices, places=places, spacing=taken.spacing)
    if hu is None or len(kept) < 2 or not values.keys() >= set(slices):
        return None
    if len(kept) < len(hu):
        hu = hu[[at for at, k in enumerate(read) if readable[k] in slices]]
    hu = hu.transpose(2, 1, 0)
    paddings = {padding_hu(one) for one in slices}
    if len(paddings) == 1:
        (padding,) = paddings
        if padding is not None and PADDING_BELOW < padding < PADDING_ABOVE:
            fill_corners(verdict, hu, padding=round(padding))
    folders = {one.file.parent for one in slices}
    folder = folders.pop() if len(folders) == 1 else None
    studies = {one.study_uid for one in slices}
    study_uid = (studies.pop() or None) if len(studies) == 1 else None
    return Volume(
        hu=hu,
        grid=taken.grid(kept),
        uid=taken.uid,
        study_uid=study_uid,
        folder=folder,
        slices=tuple(slices),
    )


def _without_repeats(
    verdict: ScanCheck, taken: Stack, *, values: dict[Header, np.ndarray]
) -> list[int]:
    """Indices of the slices, the first only of those that stand at one position."""
    kept, repeats, different = taken.without_repeats, [], []
    for k, last in enumerate(taken.stands_for):
        if k == last:
            continue
        one, other = (values.get(taken.slices[at]) for at in (last, k))
        aside = np.abs(taken.places[k] - taken.places[last]).max() > SAME_POSITION_MM
        same = not aside and one is not None and other is not None and np.array_equal(one, other)
        (repeats if same else different).append((last, k))
    for outcome, pairs, words, remedy in (
        ("repaired", repeats, "repeat another one's position and pixels; the first was kept", ""),
        (
            "refused",
            different,
            "stand at another one's position with other pixels",
            "keep one reconstruction in a folder, or choose it by series=",
        ),
    ):
        if pairs:
            first, second = (taken.slices[at] for at in pairs[0])
            height = taken.places[pairs[0][0], 2]
            verdict.add(
                "duplicate_positions",
                outcome,
                f"{len(pairs)} slice(s) {words}: {second.file.name} at the position of "
                f"{first.file.name}, {height:.2f} mm",
                remedy,
            )
    return kept


def _note_others(verdict: ScanCheck, stacks: Sequence[Stack], *, found: Contents) -> None:
    """Note the stacks that were not taken.

    Where the one that was taken has holes, what its series holds besides is refused with it.
    """
    taken = stacks[0]
    holes = any(one.code == "missing_slices" for one in verdict.findings)
    counts: dict[tuple[str, str], int] = {}
    for stack in stacks[1:]:
        what = difference(stack, taken)
        counts[what] = counts.get(what, 0) + len(stack.slices)
    lost = {one.uid for stack in stacks for one in stack.slices} | {""}
    stray = [one for one in found.slices if one.uid not in lost]
    if stray:
        what = ("mixed_series", "of another series")
        counts[what] = counts.get(what, 0) + len(stray)
    uids = {one.uid for one in found.slices if one.uid}
    for (code, words), count in counts.items():
        outcome: Outcome = "refused" if holes and code != "mixed_series" else "skipped"
        message = f"{count} slice(s) {words} left aside"
        if code == "mixed_series":
            message += (
                f": {len(uids)} CT series in the folder, took {taken.uid} with the most slices"
                f" ({len(taken.slices)})"
            )
        remedy = "" if outcome == "skipped" else "keep one reconstruction in a folder"
        verdict.add(code, outcome, message, remedy)
