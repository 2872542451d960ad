"""What can be wrong with a single slice's header."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungcam.scans.contents import named
from lungcam.scans.headers import NATIVE, UNDEFINED, Header
from lungcam.verdict import Outcome, Verdict

AGAIN = "copy or export the series again"
# code: outcome, what is said after "3 file(s)", remedy
FAULTS: dict[str, tuple[Outcome, str, str]] = {
    "truncated_file": ("refused", "end before their header or pixel data does", AGAIN),
    "no_modality": ("refused", "tell no modality", AGAIN),
    "no_series_uid": ("refused", "have no SeriesInstanceUID", AGAIN),
    "no_position": ("refused", "have no valid ImagePositionPatient", AGAIN),
    "no_orientation": ("refused", "have no valid ImageOrientationPatient", AGAIN),
    "bad_pixel_spacing": ("refused", "have no valid PixelSpacing", AGAIN),
    "no_size": ("refused", "have no valid Rows and Columns", AGAIN),
    "no_pixel_data": ("refused", "have no pixel data", AGAIN),
    "pixel_mismatch": ("refused", "hold more pixels than Rows and Columns say", AGAIN),
    "bad_bits": ("refused", "have no valid BitsAllocated, BitsStored and HighBit", AGAIN),
    "no_rescale": (
        "refused",
        "have no valid RescaleSlope and RescaleIntercept, so their values are not known in HU",
        "export the series again from the scanner's archive",
    ),
    "rescale_type": (
        "refused",
        "have a RescaleType other than HU",
        "give the series in HU, not one of a derived quantity",
    ),
    "odd_rescale_type": ("flagged", "have a RescaleType other than HU", "check the values"),
    "lossy": (
        "flagged",
        "were compressed with loss at some time",
        "use the series as it was acquired, if there is one",
    ),
}
PLACING = {"no_series_uid", "no_position", "no_orientation", "bad_pixel_spacing", "no_size"}
UNSCALED = {
    "truncated_file",
    "no_pixel_data",
    "pixel_mismatch",
    "bad_bits",
    "no_rescale",
    "rescale_type",
}
OTHER_QUANTITIES = ("OD", "MGML", "Z_EFF", "ED", "EDW", "PCT")


def faults_of(one: Header) -> set[str]:
    """Codes of what is wrong with a slice's header; see `FAULTS`."""
    if one.cut:
        # what should follow is not worth a word
        return {"truncated_file"}
    faults = set()
    if not one.modality:
        faults.add("no_modality")
    if not one.uid:
        faults.add("no_series_uid")
    if one.position is None:
        faults.add("no_position")
    if not _right_angled(one.orientation):
        faults.add("no_orientation")
    if one.pixel_spacing is None or min(one.pixel_spacing) <= 0:
        faults.add("bad_pixel_spacing")
    if not (one.rows and one.columns):
        faults.add("no_size")
    elif one.pixels_at is None or one.pixel_bytes == 0:
        faults.add("no_pixel_data")
    elif one.pixel_bytes != UNDEFINED:
        needed = one.pixel_bytes
        if one.syntax in NATIVE:
            needed = one.rows * one.columns * one.bits[0] // 8
        if min(one.pixel_bytes, one.file_bytes - one.pixels_at) < needed:
            faults.add("truncated_file")
        elif one.pixel_bytes >= needed + one.columns:
            faults.add("pixel_mismatch")
    allocated, stored, high = one.bits
    if allocated not in (8, 16, 32) or not 0 < stored <= high + 1 <= allocated:
        faults.add("bad_bits")
    if one.slope is None or one.slope <= 0 or one.intercept is None:
        faults.add("no_rescale")
    if one.rescale_type in OTHER_QUANTITIES:
        faults.add("rescale_type")
    elif one.rescale_type not in ("", "HU"):
        faults.add("odd_rescale_type")
    if one.lossy:
        faults.add("lossy")
    return faults


def _right_angled(orientation: tuple[float, ...] | None) -> bool:
    """Whether six cosines are two unit vectors at a right angle."""
    if orientation is None:
        return False
    pair = np.array(orientation).reshape(2, 3)
    return bool(np.abs(pair @ pair.T - np.eye(2)).max() < 0.01)


def note_faults(verdict: Verdict, slices: Sequence[Header]) -> None:
    """Note all faults of these slices, one finding a code."""
    files: dict[str, list[Path]] = {}
    for one in slices:
        for code in faults_of(one):
            files.setdefault(code, []).append(one.file)
    for code, (outcome, words, remedy) in FAULTS.items():
        if code in files:
            verdict.add(code, outcome, named(files[code], words), remedy)
