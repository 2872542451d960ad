"""Evidence that the slices of one series come from several acquisitions that alternate.

Two acquisitions under one SeriesInstanceUID may alternate at even distances: nothing in the
positions shows that neighbours were acquired at another time, in another breath or of another
person. Acquisitions that follow one another along the body make one volume.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lungcam.findings import NONE, ScanCheck
from lungcam.scans.dicom_header import Header

# attributes with one value for each acquisition
LABELS = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "KVP",
    "SliceThickness",
)
# attributes that grow during an acquisition, or have one value in it
CLOCKS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "TriggerTime", "InstanceNumber")
# with fewer slices, clocks in random order could look like two acquisitions
FEWEST_SLICES = 12
MOST_ACQUISITIONS = 10
# pixels along each side of an image in which noise can be averaged out
FEWEST_PIXELS = 64
BLOCKS = 32
CONTRAST = (-1000, 400)
LOOK_AT_RATIO, REFUSED_RATIO = 0.85, 1.1
# thicknesses computed from rounded positions differ by less
THICKNESS_SHARE = 0.25


def check_acquisitions(check: ScanCheck, slices: Sequence[Header]) -> None:
    """Refuse slices of several acquisitions that alternate; flag slices of several studies.

    Args:
        check: Receives the findings mixed_acquisitions and several_studies.
        slices: Headers in order of position, no two at the same position.
    """
    studies = [header.study_uid for header in slices]
    labels = {"StudyInstanceUID": studies, "FrameOfReferenceUID": [h.frame_uid for h in slices]}
    labels |= {keyword: _labels(slices, keyword) for keyword in LABELS}
    for keyword, values in labels.items():
        if (count := _alternating(values)) > 1:
            _refuse(check, slices, keyword=keyword, count=count)
            return
    for keyword in CLOCKS:
        if (count := _alternating_clocks([header.acquisition[keyword] for header in slices])) > 1:
            _refuse(check, slices, keyword=keyword, count=count)
            return
    count = len(set(studies) - {""})
    if count > 1:
        check.add(
            "several_studies",
            "flagged",
            message=f"the slices of the series name {count} studies",
            remedy="check that all belong to one examination",
        )


def check_neighbours(check: ScanCheck, hu: np.ndarray, *, axis: int) -> None:
    """Refuse a volume with slices that resemble the next but one more than their neighbours.

    The mean difference of neighbours, over blocks of pixels in which noise averages out, is .55 to
    .66 of that of slices two apart in real scans of 2.5 to 12 mm. Where every second slice comes
    from elsewhere it is 5 to 14, and .9 to 1.9 if the other slices are shifted by 3 to 5 mm.

    Args:
        check: Receives the finding alternating_slices.
        hu: `(W, H, D)` int16 in HU.
        axis: Axis of the slices.
    """
    planes = np.moveaxis(hu, axis, 0)
    if len(planes) < FEWEST_SLICES or min(planes.shape[1:]) < FEWEST_PIXELS:
        return
    means = np.stack([_block_means(plane) for plane in planes])
    near, far = (float(np.abs(means[k:] - means[:-k]).mean()) for k in (1, 2))
    ratio = near / max(far, 1e-6)
    if ratio < LOOK_AT_RATIO:
        return
    message = (
        f"neighbouring slices differ {ratio:.2f} times as much as slices two apart, as if two "
        "scans alternated"
    )
    if ratio < REFUSED_RATIO:
        check.add("alternating_slices", "flagged", message=message, remedy="look at the scan")
    else:
        remedy = "keep one acquisition per volume"
        check.add("alternating_slices", "refused", message=message, remedy=remedy)


def _block_means(plane: np.ndarray) -> np.ndarray:
    """Return the means of blocks of an image, at least `BLOCKS` along each side."""
    step = max(1, min(plane.shape) // 128)
    plane = np.clip(plane[::step, ::step], *CONTRAST).astype(np.float32)
    size = max(1, min(plane.shape) // BLOCKS)
    rows, columns = (length // size for length in plane.shape)
    blocks = plane[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return blocks.mean(axis=(1, 3))


def _labels(slices: Sequence[Header], keyword: str) -> list[str]:
    """Return the values of an attribute; numbers that say the same become equal texts."""
    values = [header.acquisition[keyword] for header in slices]
    numbers = [_number(value) for value in values]
    if keyword == "SliceThickness":
        known = [number for number in numbers if number]
        if known and max(known) - min(known) < THICKNESS_SHARE * max(known):
            return [""] * len(values)
    return [
        value if number is None else f"{number:g}"
        for value, number in zip(values, numbers, strict=True)
    ]


def _alternating(values: Sequence[str]) -> int:
    """Return the number of values that alternate along the slices, 0 if each has one block."""
    known = [value for value in values if value.lower() not in NONE]
    blocks = 1 + sum(a != b for a, b in pairwise(known))
    count = len(set(known))
    return count if blocks > count else 0


def _alternating_clocks(values: Sequence[str]) -> int:
    """Return the number of acquisitions that take turns, 0 if there is none or one.

    They take turns if every m-th slice belongs together: the spans of time of the m groups do not
    overlap. In a single acquisition, the groups span the same time.
    """
    numbers = [_number(value) for value in values]
    if len(numbers) < FEWEST_SLICES or None in numbers:
        return 0
    times = np.array(numbers)
    for count in range(2, min(MOST_ACQUISITIONS, len(times) // 4) + 1):
        groups = sorted((times[k::count] for k in range(count)), key=lambda group: group.min())
        if all(a.max() < b.min() for a, b in pairwise(groups)):
            return count
    return 0


def _refuse(check: ScanCheck, slices: Sequence[Header], *, keyword: str, count: int) -> None:
    check.add(
        "mixed_acquisitions",
        "refused",
        message=f"the slices of {count} acquisitions alternate in one series by {keyword}, such as "
        f"{slices[0].file.name} and {slices[1].file.name}",
        remedy="keep one acquisition per folder",
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
