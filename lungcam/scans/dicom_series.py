"""Reading of a DICOM series: its slices are checked, grouped, read and placed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from lungcam.findings import Outcome, ScanCheck
from lungcam.scans.bounds import NONE, fits
from lungcam.scans.dicom_header import Header
from lungcam.scans.hounsfield import fill_corners
from lungcam.scans.pixels import PADDING_ABOVE, PADDING_BELOW, padding_hu, read_pixels
from lungcam.scans.scan import Volume
from lungcam.scans.slice_checks import (
    PIXEL_FAULTS,
    POSITION_FAULTS,
    Contents,
    check_contents,
    check_headers,
    classify_files,
    header_faults,
)
from lungcam.scans.slice_geometry import (
    SAME_POSITION_MM,
    Stack,
    check_positions,
    describe_difference,
    even_part,
    group_into_stacks,
    leaning_affine,
)
from lungcam.scans.tilt import straighten

ONE_RECONSTRUCTION = "keep one reconstruction per folder"


def read_series(
    check: ScanCheck,
    files: Iterable[Path],
    *,
    series_uid: str | None,
    tilt: str = "straighten",
) -> Volume | None:
    """Read a series from a set of files.

    Slices are ordered, and their spacing computed, from ImagePositionPatient along the normal of
    ImageOrientationPatient (DICOM PS3.3 C.7.6.2): never from file names, InstanceNumber,
    SliceThickness or SpacingBetweenSlices.

    Args:
        check: Receives all findings.
        files: Any files; those that are no CT slices are ignored.
        series_uid: SeriesInstanceUID; None for the largest stack.
        tilt: `straighten` or `refuse` the slices of a tilted gantry.

    Returns:
        The volume, None if it cannot be built. The findings may refuse a returned volume, too.
    """
    contents = classify_files(files)
    if series_uid is not None and not _select_series(check, contents, series_uid=series_uid):
        return None
    check_contents(check, contents)
    if not contents.slices:
        return None
    placed = [
        header
        for header in contents.slices
        if not (header.truncated or header_faults(header) & POSITION_FAULTS)
    ]
    stacks = group_into_stacks(placed)
    if not stacks:
        check_headers(check, contents.slices)
        return None
    chosen = stacks[0]
    unplaced = set(contents.slices) - set(placed)
    unplaced = [
        header
        for header in contents.slices
        if header in unplaced and header.series_uid in ("", chosen.series_uid)
    ]
    check_headers(check, chosen.slices + unplaced)
    volume = _read_stack(check, chosen, tilt=tilt)
    _report_other_stacks(check, stacks, contents=contents)
    return volume


def _select_series(check: ScanCheck, contents: Contents, *, series_uid: str) -> bool:
    """Keep only the files of a series; refuse if there are no slices of it."""
    uids = sorted({header.series_uid for header in contents.slices if header.series_uid})
    if series_uid not in uids:
        check.add(
            "no_such_series",
            "refused",
            message="no CT series of the UID given as series=",
            remedy=f"choose series= from {', '.join(uids[:20])}"
            if uids
            else "there is no CT series",
        )
        return False
    folders = {h.file.parent for h in contents.slices if h.series_uid == series_uid}
    # a slice without a UID in a folder of the series may belong to it
    contents.slices = [
        header
        for header in contents.slices
        if header.series_uid == series_uid
        or (not header.series_uid and header.file.parent in folders)
    ]
    contents.others = []
    for files in (contents.strays, contents.empty, contents.damaged, contents.unreadable):
        files[:] = [file for file in files if file.parent in folders]
    return True


def _read_stack(check: ScanCheck, stack: Stack, *, tilt: str) -> Volume | None:
    """Read a stack's pixels, drop repeated slices and place the rest."""
    readable = [header for header in stack.slices if not header_faults(header) & PIXEL_FAULTS]
    hu: np.ndarray | None = None
    read: list[Header] = []
    count = sum(header.rows * header.columns for header in readable)
    whole = fits(check, values=count, item_bytes=0, stored=0, packing=NONE)
    if readable and whole:
        hu, indices = read_pixels(check, readable)
        read = [readable[k] for k in indices]
    pixels = {} if hu is None else dict(zip(read, hu, strict=True))
    _check_repeats(check, stack, pixels=pixels)
    unique, spacing = _choose_part(check, stack)
    if len(unique) == 1:
        check.add(
            "image_2d",
            "refused",
            message="1 slice(s) are no volume",
            remedy="give the folder of a whole series",
        )
    slices = [stack.slices[k] for k in unique]
    check_positions(check, slices, positions=stack.positions[unique], spacing=spacing, tilt=tilt)
    if hu is None or len(slices) < 2 or not pixels.keys() >= set(slices):
        return None
    if len(slices) < len(hu):
        hu = hu[[k for k, header in enumerate(read) if header in slices]]
    hu = hu.transpose(2, 1, 0)
    _fill_padding(check, hu, slices=slices)
    folders = {header.file.parent for header in slices}
    study_uid, frame_uid = (
        uids.pop() or None if len(uids) == 1 else None
        for uids in ({h.study_uid for h in slices}, {h.frame_uid for h in slices})
    )
    grid, sources = stack.grid(unique), tuple(slices)
    if any(finding.code == "gantry_tilt" for finding in check.findings):
        upright = straighten(hu, leaning_affine(stack, unique))
        # its planes are no longer those of the files
        hu, grid, sources = upright.hu, upright.grid, ()
    if any(header.frame is not None for header in slices):
        # results refer to files of one slice
        sources = ()
    return Volume(
        hu=hu,
        grid=grid,
        series_uid=stack.series_uid,
        study_uid=study_uid,
        frame_uid=frame_uid,
        folder=folders.pop() if len(folders) == 1 else None,
        slices=sources,
    )


def _choose_part(check: ScanCheck, stack: Stack) -> tuple[list[int], float]:
    """Return the slices to read, without repeats, and their spacing in mm.

    Where parts of a stack have different spacings, the largest is read, and that is reported.
    """
    unique = stack.unique
    heights = stack.positions[unique, 2]
    part = even_part(heights)
    if part is None:
        return unique, stack.spacing
    chosen = heights[part]
    spacing = float(np.diff(chosen).mean())
    others = np.diff(np.delete(heights, part))
    check.add(
        "mixed_gaps",
        "flagged",
        message=f"the slices are not evenly spaced: read the largest even part, {len(chosen)} of "
        f"{len(heights)} slices, {spacing:.2f} mm apart from {chosen[0]:.1f} to "
        f"{chosen[-1]:.1f} mm; the others are {np.median(others):.2f} mm apart",
        remedy="check that it holds both lungs whole",
    )
    return unique[part], spacing


def _check_repeats(check: ScanCheck, stack: Stack, *, pixels: dict[Header, np.ndarray]) -> None:
    """Report slices at the position of an earlier slice.

    Args:
        check: Receives the finding duplicate_positions.
        stack: Stack of slices.
        pixels: `(H, W)` HU of the slices that could be read.
    """
    repeats, conflicts = [], []
    for k, first in enumerate(stack.first_at_position):
        if k == first:
            continue
        kept, other = (pixels.get(stack.slices[i]) for i in (first, k))
        shifted = np.abs(stack.positions[k] - stack.positions[first]).max() > SAME_POSITION_MM
        same = (
            not shifted and kept is not None and other is not None and np.array_equal(kept, other)
        )
        (repeats if same else conflicts).append((first, k))

    def describe(pairs: list[tuple[int, int]], description: str) -> str:
        first, second = (stack.slices[k] for k in pairs[0])
        return (
            f"{len(pairs)} slice(s) {description}: {second.file.name} at the position of "
            f"{first.file.name}, {stack.positions[pairs[0][0], 2]:.2f} mm"
        )

    if repeats:
        message = describe(repeats, "repeat the position and pixels of another; the first was kept")
        check.add("duplicate_positions", "repaired", message=message)
    if conflicts:
        check.add(
            "duplicate_positions",
            "refused",
            message=describe(conflicts, "have the position of another with other pixels"),
            remedy=f"{ONE_RECONSTRUCTION}, or choose it by series=",
        )


def _fill_padding(check: ScanCheck, hu: np.ndarray, *, slices: Sequence[Header]) -> None:
    """Fill padding around the image if all slices share a PixelPaddingValue within tissue."""
    paddings = {padding_hu(header) for header in slices}
    if len(paddings) == 1:
        (padding,) = paddings
        if padding is not None and PADDING_BELOW < padding < PADDING_ABOVE:
            fill_corners(check, hu, padding=round(padding))


def _report_other_stacks(check: ScanCheck, stacks: Sequence[Stack], *, contents: Contents) -> None:
    """Report the stacks that were not chosen.

    If slices are missing from the chosen stack, other stacks of its series are refused with it.
    """
    chosen = stacks[0]
    incomplete = any(finding.code == "missing_slices" for finding in check.findings)
    counts: dict[tuple[str, str], int] = {}
    for stack in stacks[1:]:
        kind = describe_difference(stack, chosen)
        counts[kind] = counts.get(kind, 0) + len(stack.slices)
    stacked_uids = {header.series_uid for stack in stacks for header in stack.slices} | {""}
    unstacked = [h for h in contents.slices if h.series_uid not in stacked_uids]
    if unstacked:
        kind = ("mixed_series", "of another series")
        counts[kind] = counts.get(kind, 0) + len(unstacked)
    uids = {header.series_uid for header in contents.slices if header.series_uid}
    for (code, description), count in counts.items():
        outcome: Outcome = "refused" if incomplete and code != "mixed_series" else "skipped"
        message = f"{count} slice(s) {description} ignored"
        if code == "mixed_series":
            message += (
                f": {len(uids)} CT series in the folder, read {chosen.series_uid} with the most "
                f"slices ({len(chosen.slices)})"
            )
        remedy = "" if outcome == "skipped" else ONE_RECONSTRUCTION
        check.add(code, outcome, message=message, remedy=remedy)
