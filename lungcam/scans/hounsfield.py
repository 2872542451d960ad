"""Hounsfield units: rounding, padding, and a check that values are HU.

Values at or below -1500 HU are padding, not matter; they are set to air, -1024 HU.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lungcam.findings import ScanCheck

AIR = -1024
HIGHEST_PADDING = -1500
# bands in HU that a whole chest covers, and the least share of the unpadded voxels in each
AIR_AND_LUNG = (-1100, -600)
TISSUE = (-200, 300)
LEAST_SHARE = 0.05
# padding has one value or a few: if more voxels than this share have other low values, they are
# not padding
MOST_ODD_PADDING = 0.05
PADDING_VALUES = 4
NARROWEST_RANGE = 50
HIGHEST = 32000
# padding: no air is denser, and so many voxels share its value
HIGHEST_AIR = -900
LEAST_PADDING = 0.005
# of 665 crops around nodules, each has 17 % of its voxels in the lower band
LUNG = (-1100, -300)
LEAST_LUNG = 0.02
# constants that are added so that no value is negative
SHIFTS = (1000, 1024)
SHIFTED_LUNG = 0.1
SHIFTED_TISSUE = (-150, 300)
LEAST_SHIFTED_TISSUE = 0.003
FAT = (-200, -20)
MOST_SHIFTED_FAT = 0.1
# between neighbours; padding of -32768 next to the densest metal of 12 bits differs by less
WRAP_JUMP = 45000
ENOUGH_VOXELS = 2_000_000
# more values above int16 than this share are no metal
MOST_METAL = 0.001
# unsigned 16-bit values of negative HU, and the share of them that betrays a lost sign
WRAPPED = (1 << 16) - 4096
MOST_WRAPPED = 0.5
EXPORT_AGAIN = "export it again"
REMEDY = "convert the values to HU, or export the CT again"


@dataclass(frozen=True)
class Overflow:
    """Count of values above int16.

    Attributes:
        high: Number of values above 32767.
        wrapped: Number of them that negative HU have if they are read without their sign.
    """

    high: int = 0
    wrapped: int = 0


def round_to_int16(values: np.ndarray) -> tuple[np.ndarray, Overflow]:
    """Round values to int16.

    Args:
        values: Finite values of any real type and shape.

    Returns:
        int16 array of the same shape, the input itself if it is int16; and the values above int16,
        which are set to 32767. Values below are padding and are clipped.
    """
    if values.dtype == np.int16:
        return values, Overflow()
    limits = np.iinfo(np.int16)
    overflow = Overflow()
    if values.size and values.max() > limits.max:
        high = values[values > limits.max]
        wrapped = np.count_nonzero((high >= WRAPPED) & (high < 1 << 16))
        overflow = Overflow(high.size, int(wrapped))
    if values.dtype.kind == "f":
        values = np.rint(values)
    return np.clip(values, limits.min, limits.max).astype(np.int16), overflow


def check_overflow(check: ScanCheck, overflow: Overflow, *, size: int, place: str) -> None:
    """Report values above int16: a small block of metal is cut off, anything else is refused.

    Args:
        check: Receives the finding int16_overflow.
        overflow: Values above int16.
        size: Number of all values.
        place: Where they are, for the message.
    """
    if not overflow.high:
        return
    share = overflow.high / size
    message = f"{overflow.high} values ({share:.2%}) above 32767 HU in {place}"
    if share > MOST_METAL or overflow.wrapped > MOST_WRAPPED * overflow.high:
        check.add("int16_overflow", "refused", message=message, remedy=REMEDY)
        return
    check.add("int16_overflow", "repaired", message=f"{message} were set to 32767 HU, as metal")


def fill_not_finite(check: ScanCheck, values: np.ndarray) -> np.ndarray | None:
    """Set values that are not finite to padding where they reach the border of their slice.

    Resampled and masked volumes hold NaN outside the field of view. Within the image such a value
    could be anything.

    Args:
        check: Receives the findings padding and not_finite.
        values: `(W, H, D)` of any real type; copied if it is changed.

    Returns:
        Finite values, None if they are refused.
    """
    bad = None if values.dtype.kind != "f" else ~np.isfinite(values)
    if bad is None or not bad.any():
        return values
    connected = ndimage.label(bad)[0]
    faces = [connected[index] for index in (np.s_[[0, -1]], np.s_[:, [0, -1]])]
    outer = np.unique(np.concatenate([face.ravel() for face in faces]))
    outside = np.isin(connected, outer[outer > 0])
    inside = int(np.count_nonzero(bad)) - int(np.count_nonzero(outside))
    if inside or outside.all():
        message = f"{inside or outside.sum()} NaN or infinite values within the image"
        check.add("not_finite", "refused", message=message, remedy=EXPORT_AGAIN)
        return None
    count = int(np.count_nonzero(outside))
    message = f"{count} NaN or infinite voxels ({count / bad.size:.1%}) around the image"
    check.add("padding", "repaired", message=f"{message} were set to {AIR} HU")
    return np.where(outside, values.dtype.type(AIR), values)


def check_values(check: ScanCheck, hu: np.ndarray, *, whole_chest: bool) -> None:
    """Refuse values that are not HU.

    In a whole chest, a fair share of the voxels must be air or lung, and a fair share soft tissue.
    A crop may lack either. It is refused if it is never below 0, hardly varies, is nearly all
    padding, or holds no lung where the same values minus 1000 or 1024 would be lung; a crop without
    lung in both readings is flagged. Padding counts in neither: low values that many voxels share
    exactly.

    Args:
        check: Receives the findings not_hu and no_lung_values.
        hu: `(W, H, D)` int16 with its padding.
        whole_chest: True if a whole chest is expected.
    """
    step = max(1, int(np.ceil(np.sqrt(hu.size / ENOUGH_VOXELS))))
    sample = hu[::step, ::step]
    low = sample[sample <= HIGHEST_PADDING]
    matter = _without_padding(sample[sample > HIGHEST_PADDING])
    odd_share = _count_odd_padding(low) / sample.size
    fault = None
    if not matter.size:
        fault = f"no value above {HIGHEST_PADDING} HU but padding"
    elif odd_share > MOST_ODD_PADDING:
        fault = (
            f"{odd_share:.0%} of the voxels have differing values at or below {HIGHEST_PADDING} HU"
        )
    elif _is_wrapped(hu):
        fault = "values near -32768 lie next to values near 32767, as if 16 bits had run over"
    elif np.mean(matter > HIGHEST) > MOST_METAL:
        fault = f"{np.mean(matter > HIGHEST):.1%} of the values lie above {HIGHEST}"
    elif whole_chest:
        fault = _whole_chest_fault(matter)
    elif matter.min() >= 0 or int(matter.max()) - int(matter.min()) < NARROWEST_RANGE:
        fault = f"the values lie in {matter.min()}..{matter.max()}"
    elif np.mean(matter < LUNG[1]) < LEAST_LUNG:
        fault = _crop_fault(check, matter)
    if fault:
        message = f"the values are not HU: {fault}"
        check.add("not_hu", "refused", message=message, remedy=REMEDY)


def _whole_chest_fault(matter: np.ndarray) -> str | None:
    """Return the fault of values that cannot be those of a whole chest."""
    air, tissue = (
        float(np.mean((matter >= low) & (matter <= high))) for low, high in (AIR_AND_LUNG, TISSUE)
    )
    if min(air, tissue) >= LEAST_SHARE:
        return None
    return (
        f"{air:.0%} of the voxels lie in {AIR_AND_LUNG[0]}..{AIR_AND_LUNG[1]} HU (air and lung) "
        f"and {tissue:.0%} in {TISSUE[0]}..{TISSUE[1]} HU (soft tissue)"
    )


def _crop_fault(check: ScanCheck, matter: np.ndarray) -> str | None:
    """Return the fault of a crop without lung if it holds lung and tissue minus a constant.

    Fat, between -200 and -20 HU, lies around every organ; shifted air and lung are hardly there.
    """

    def share(band: tuple[int, int], shift: int = 0) -> float:
        return float(np.mean((matter >= band[0] + shift) & (matter < band[1] + shift)))

    lung, tissue = (min(share(band, shift) for shift in SHIFTS) for band in (LUNG, SHIFTED_TISSUE))
    if lung >= SHIFTED_LUNG and tissue >= LEAST_SHIFTED_TISSUE and share(FAT) < MOST_SHIFTED_FAT:
        return (
            f"{lung:.0%} of them would be lung if {SHIFTS[0]} or {SHIFTS[1]} were subtracted, and "
            "none is lung as it is"
        )
    check.add(
        "no_lung_values",
        "flagged",
        message=f"no voxel of the crop is lung (below {LUNG[1]} HU), so that nothing shows whether "
        "its values are HU or HU plus a constant",
        remedy="check that soft tissue is near 40 HU",
    )
    return None


def _without_padding(values: np.ndarray) -> np.ndarray:
    """Remove low values that many voxels share exactly: padding, which no noise has spread.

    Padding of -2000 or -2048 that a constant was added to looks like air otherwise.
    """
    low = values[values < HIGHEST_AIR]
    if not low.size:
        return values
    numbers, counts = np.unique(low, return_counts=True)
    neighbours = np.array([counts[np.abs(numbers - number) <= 20].sum() for number in numbers])
    padding = (counts > LEAST_PADDING * values.size) & (counts > 0.5 * neighbours)
    return values[~np.isin(values, numbers[padding])]


def _is_wrapped(hu: np.ndarray) -> bool:
    """Return True if neighbours differ by more than padding and metal can: 16 bits ran over."""
    if hu.min() > -WRAP_JUMP // 2 + HIGHEST or hu.max() < WRAP_JUMP - (1 << 15):
        return False
    return any(
        bool((np.abs(np.diff(part.astype(np.int32), axis=axis)) > WRAP_JUMP).any())
        for part in (hu[:, :, k] for k in range(hu.shape[2]))
        for axis in (0, 1)
    )


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
