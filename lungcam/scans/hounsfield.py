"""Hounsfield units: rounding, padding, and whether values are HU at all.

A padded voxel is no matter: what lies at or below -1500 HU is set to air, -1024 HU.
"""

import numpy as np
from scipy import ndimage

from lungcam.findings import ScanCheck

AIR = -1024
HIGHEST_PADDING = -1500
# a whole chest holds both: bands in HU, and the least share of what is not padding
AIR_AND_LUNG = (-1100, -600)
SOFT_TISSUE = (-200, 300)
LEAST_SHARE = 0.05
# padding is one value, or few: more voxels than this share at other low values are no padding
MOST_ODD_PADDING = 0.05
PADDING_VALUES = 4
NARROWEST_RANGE = 50
HIGHEST = 32000
ENOUGH_VOXELS = 2_000_000
REMEDY = "convert the values to HU, or export the CT again"


def rounded(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Round to int16.

    Args:
        values: Any real type and shape, finite.

    Returns:
        int16 of the same shape, a view where nothing was to be done; and whether any value lies
        above int16. What lies below is padding and is clipped.
    """
    if values.dtype == np.int16:
        return values, False
    limits = np.iinfo(np.int16)
    too_high = bool(values.size and values.max() > limits.max)
    if values.dtype.kind == "f":
        values = np.rint(values)
    return np.clip(values, limits.min, limits.max).astype(np.int16), too_high


def note_overflow(verdict: ScanCheck, where: str) -> None:
    """Refuse values above int16, which no CT reaches."""
    verdict.add("int16_overflow", "refused", f"values above 32767 HU in {where}", REMEDY)


def check_values(verdict: ScanCheck, hu: np.ndarray, *, whole_chest: bool) -> None:
    """Refuse values that are not HU.

    For a whole chest a fair share of what is not padding must be air or lung, and a fair share
    soft tissue. A crop may lack either; it is refused if it is never below 0, hardly varies, or is
    nearly all padding.

    Args:
        verdict: Takes the finding `not_hu`.
        hu: `(W, H, D)` int16, with its padding.
        whole_chest: Whether a whole chest is expected.
    """
    step = max(1, int(np.ceil(np.sqrt(hu.size / ENOUGH_VOXELS))))
    some = hu[::step, ::step]
    matter = some[some > HIGHEST_PADDING]
    odd = _odd_padding(some[some <= HIGHEST_PADDING]) / some.size
    fault = None
    if not matter.size:
        fault = f"no value above {HIGHEST_PADDING} HU"
    elif odd > MOST_ODD_PADDING:
        fault = f"{odd:.0%} of the voxels have differing values at or below {HIGHEST_PADDING} HU"
    elif hu.max() > HIGHEST:
        fault = f"the highest value is {hu.max()}"
    elif whole_chest:
        air, tissue = (
            float(np.mean((matter >= low) & (matter <= high)))
            for low, high in (AIR_AND_LUNG, SOFT_TISSUE)
        )
        if min(air, tissue) < LEAST_SHARE:
            fault = (
                f"{air:.0%} of the voxels lie in {AIR_AND_LUNG[0]}..{AIR_AND_LUNG[1]} HU (air and "
                f"lung) and {tissue:.0%} in {SOFT_TISSUE[0]}..{SOFT_TISSUE[1]} HU (soft tissue)"
            )
    elif matter.min() >= 0 or int(matter.max()) - int(matter.min()) < NARROWEST_RANGE:
        fault = f"the values lie in {matter.min()}..{matter.max()}"
    if fault:
        verdict.add("not_hu", "refused", f"the values are not HU: {fault}", REMEDY)


def _odd_padding(low: np.ndarray) -> int:
    """How many of the low values are not among the commonest few."""
    _, counts = np.unique(low, return_counts=True)
    return int(np.sort(counts)[:-PADDING_VALUES].sum())


def fill_padding(verdict: ScanCheck, hu: np.ndarray) -> None:
    """Set what lies at or below -1500 HU to air, in place.

    Args:
        verdict: Takes the finding `padding`.
        hu: `(W, H, D)` int16, writable.
    """
    count, lowest = 0, 0
    for k in range(hu.shape[2]):
        one = hu[:, :, k]
        least = int(one.min())
        if least <= HIGHEST_PADDING:
            padding = one <= HIGHEST_PADDING
            count += int(np.count_nonzero(padding))
            lowest = min(lowest, least)
            np.copyto(one, AIR, where=padding)
    if count:
        verdict.add(
            "padding",
            "repaired",
            f"{count} voxels ({count / hu.size:.1%}) at or below {HIGHEST_PADDING} HU, lowest "
            f"{lowest}, were set to {AIR} HU",
        )


def fill_corners(verdict: ScanCheck, hu: np.ndarray, *, padding: int) -> None:
    """Set to air what is joined to the corners by a padding value that could also be tissue.

    Nothing is done unless the four corner columns hold just that value, in every slice.

    Args:
        verdict: Takes the finding `padding`.
        hu: `(W, H, D)` int16, writable.
        padding: PixelPaddingValue in HU.
    """
    corners = hu[np.ix_([0, -1], [0, -1])]
    if not (corners == padding).all():
        return
    count = 0
    for k in range(hu.shape[2]):
        parts, _ = ndimage.label(hu[:, :, k] == padding)
        outside = np.isin(parts, np.unique(parts[np.ix_([0, -1], [0, -1])]))
        count += int(np.count_nonzero(outside))
        np.copyto(hu[:, :, k], AIR, where=outside)
    verdict.add(
        "padding",
        "repaired",
        f"{count} voxels ({count / hu.size:.1%}) around the image held the padding value and were "
        f"set to {AIR} HU",
    )
