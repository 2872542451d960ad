"""Hounsfield units: rounding, padding, and a check that values are HU.

Values at or below -1500 HU are padding, not matter; they are set to air, -1024 HU.
"""

import numpy as np
from scipy import ndimage

from lungcam.findings import ScanCheck

AIR = -1024
HIGHEST_PADDING = -1500
# bands in HU that a whole chest covers, and the least share of the unpadded voxels in each
AIR_AND_LUNG = (-1100, -600)
SOFT_TISSUE = (-200, 300)
LEAST_SHARE = 0.05
# padding has one value or a few: if more voxels than this share have other low values, they are
# not padding
MOST_ODD_PADDING = 0.05
PADDING_VALUES = 4
NARROWEST_RANGE = 50
HIGHEST = 32000
ENOUGH_VOXELS = 2_000_000
REMEDY = "convert the values to HU, or export the CT again"


def round_to_int16(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Round values to int16.

    Args:
        values: Finite values of any real type and shape.

    Returns:
        int16 array of the same shape, the input itself if it is int16; and True if any value lies
        above int16. Values below are padding and are clipped.
    """
    if values.dtype == np.int16:
        return values, False
    limits = np.iinfo(np.int16)
    overflow = bool(values.size and values.max() > limits.max)
    if values.dtype.kind == "f":
        values = np.rint(values)
    return np.clip(values, limits.min, limits.max).astype(np.int16), overflow


def refuse_overflow(check: ScanCheck, place: str) -> None:
    """Refuse values above int16, which no CT reaches."""
    message = f"values above 32767 HU in {place}"
    check.add("int16_overflow", "refused", message=message, remedy=REMEDY)


def check_values(check: ScanCheck, hu: np.ndarray, *, whole_chest: bool) -> None:
    """Refuse values that are not HU.

    In a whole chest, a fair share of the unpadded voxels must be air or lung, and a fair share
    soft tissue. A crop may lack either; it is refused if it is never below 0, hardly varies or is
    nearly all padding.

    Args:
        check: Receives the finding not_hu.
        hu: `(W, H, D)` int16 with its padding.
        whole_chest: True if a whole chest is expected.
    """
    step = max(1, int(np.ceil(np.sqrt(hu.size / ENOUGH_VOXELS))))
    sample = hu[::step, ::step]
    matter = sample[sample > HIGHEST_PADDING]
    odd_share = _count_odd_padding(sample[sample <= HIGHEST_PADDING]) / sample.size
    fault = None
    if not matter.size:
        fault = f"no value above {HIGHEST_PADDING} HU"
    elif odd_share > MOST_ODD_PADDING:
        fault = (
            f"{odd_share:.0%} of the voxels have differing values at or below {HIGHEST_PADDING} HU"
        )
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
        message = f"the values are not HU: {fault}"
        check.add("not_hu", "refused", message=message, remedy=REMEDY)


def _count_odd_padding(low: np.ndarray) -> int:
    """Count the low values that are not among the few most common."""
    _, counts = np.unique(low, return_counts=True)
    return int(np.sort(counts)[:-PADDING_VALUES].sum())


def fill_padding(check: ScanCheck, hu: np.ndarray) -> None:
    """Set values at or below -1500 HU to air, in place.

    Args:
        check: Receives the finding padding.
        hu: `(W, H, D)` int16, writable.
    """
    count, lowest = 0, 0
    for k in range(hu.shape[2]):
        plane = hu[:, :, k]
        minimum = int(plane.min())
        if minimum <= HIGHEST_PADDING:
            padding = plane <= HIGHEST_PADDING
            count += int(np.count_nonzero(padding))
            lowest = min(lowest, minimum)
            np.copyto(plane, AIR, where=padding)
    if count:
        check.add(
            "padding",
            "repaired",
            message=f"{count} voxels ({count / hu.size:.1%}) at or below {HIGHEST_PADDING} HU, "
            f"lowest {lowest}, were set to {AIR} HU",
        )


def fill_corners(check: ScanCheck, hu: np.ndarray, *, padding: int) -> None:
    """Set a padding value that could also be tissue to air where it is connected to the corners.

    Nothing is changed unless all voxels of the four corner columns hold the value.

    Args:
        check: Receives the finding padding.
        hu: `(W, H, D)` int16, writable.
        padding: PixelPaddingValue in HU.
    """
    corners = hu[np.ix_([0, -1], [0, -1])]
    if not (corners == padding).all():
        return
    count = 0
    for k in range(hu.shape[2]):
        components, _ = ndimage.label(hu[:, :, k] == padding)
        outside = np.isin(components, np.unique(components[np.ix_([0, -1], [0, -1])]))
        count += int(np.count_nonzero(outside))
        np.copyto(hu[:, :, k], AIR, where=outside)
    check.add(
        "padding",
        "repaired",
        message=f"{count} voxels ({count / hu.size:.1%}) around the image held the padding value "
        f"and were set to {AIR} HU",
    )
