"""Stacks of slices that form a volume, and checks of their positions.

The slices of a stack share SeriesInstanceUID, size, pixel spacing, orientation and kernel. Unless a
series is requested, the stack with the most slices is chosen; among equals the stack with the
smallest spacing, then with the smallest UID.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.acquisitions import check_acquisitions
from lungcam.scans.dicom_header import Header
from lungcam.scans.tilt import check_tilt

# tolerances within a stack
SAME_SPACING_MM = 1e-3
SAME_COSINE = 1e-3
SAME_POSITION_MM = 0.01
# gaps may differ from the spacing by this share, or by this much: positions rounded to 0.1 mm
UNEVEN_SHARE = 0.1
UNEVEN_MM = 0.105
# a slice may lie off its even position by this share of the spacing
DRIFT_SHARE = 0.5
SIDEWAYS_MM = 1.0
# gaps of one length that make a part of a stack
FEWEST_EVEN_GAPS = 5
COMPLETE = "complete the series or export it again"


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices that form a volume, in order of position along their normal.

    Attributes:
        slices: Headers without a fault in UID, size or position.
    """

    slices: list[Header]

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID."""
        return self.slices[0].series_uid

    @cached_property
    def axes(self) -> np.ndarray:
        """`(3, 3)` unit LPS rows: of growing column index, of growing row index, the normal."""
        return _axes(self.slices[0])

    @cached_property
    def positions(self) -> np.ndarray:
        """`(D, 3)` positions of the first pixels along the three axes in mm."""
        return np.array([header.position for header in self.slices]) @ self.axes.T

    @cached_property
    def first_at_position(self) -> list[int]:
        """Index of the first slice at each slice's position: usually the slice's own index."""
        first = []
        for k, height in enumerate(self.positions[:, 2]):
            last = first[-1] if first else k
            first.append(last if height - self.positions[last, 2] < SAME_POSITION_MM else k)
        return first

    @property
    def unique(self) -> list[int]:
        """Indices of the slices without repeats: only the first slice at each position."""
        return [k for k, first in enumerate(self.first_at_position) if k == first]

    @property
    def spacing(self) -> float:
        """Distance between slices in mm: the mean of gaps without a hole; 0 for a single slice.

        The lower median of the gaps shows what a gap without a hole is. The mean of many gaps is
        exact even where positions are rounded.
        """
        gaps = np.diff(self.positions[:, 2])
        gaps = np.sort(gaps[gaps >= SAME_POSITION_MM])
        if not len(gaps):
            return 0.0
        median = float(gaps[(len(gaps) - 1) // 2])
        return float(gaps[gaps < 1.5 * median + UNEVEN_MM].mean())

    def grid(self, indices: Sequence[int]) -> Grid:
        """Return the grid of some slices; the spacing is the mean from the first to the last.

        Args:
            indices: Indices of at least two slices in ascending order.
        """
        first = self.slices[indices[0]]
        row, column, normal = self.axes
        between_rows, between_columns = first.pixel_spacing
        depth = self.positions[indices[-1], 2] - self.positions[indices[0], 2]
        lps = np.eye(4)
        lps[:3, 0], lps[:3, 1] = row * between_columns, column * between_rows
        lps[:3, 2] = normal * depth / (len(indices) - 1)
        lps[:3, 3] = first.position
        return Grid((int(first.columns), int(first.rows), len(indices)), LPS_TO_RAS @ lps)


def even_part(heights: np.ndarray) -> slice | None:
    """Find the largest evenly spaced part of slices that were acquired at several spacings.

    Some protocols reconstruct the chest with 3 mm and the abdomen with 6 mm as one series. Such
    parts are long, and differ in their spacing; a gap between parts of one spacing is a slice that
    is missing.

    Args:
        heights: `(D,)` distinct heights in mm, ascending.

    Returns:
        The indices of the part with most slices, among equals of the one with the least spacing;
        None unless the slices consist of such parts.
    """
    gaps = np.diff(heights)
    if len(gaps) < 2 * FEWEST_EVEN_GAPS:
        return None
    limit = np.maximum(UNEVEN_SHARE * np.minimum(gaps[1:], gaps[:-1]), UNEVEN_MM)
    starts = [0, *(np.flatnonzero(np.abs(np.diff(gaps)) > limit) + 1), len(gaps)]
    parts = [slice(int(a), int(b) + 1) for a, b in pairwise(starts)]
    spacings = [float(gaps[part.start : part.stop - 1].mean()) for part in parts]
    even = [part.stop - part.start > FEWEST_EVEN_GAPS for part in parts]
    kept = [k for k, is_even in enumerate(even) if is_even]
    # each step from part to part, with at most one gap in between, must change the spacing
    if len(kept) < 2 or kept[0] != 0 or kept[-1] != len(parts) - 1:
        return None
    for a, b in pairwise(kept):
        between = parts[a + 1 : b]
        odd = sum(part.stop - part.start - 1 for part in between)
        if odd > 1 or abs(spacings[a] - spacings[b]) <= UNEVEN_SHARE * spacings[a] + UNEVEN_MM:
            return None
    best = min(kept, key=lambda k: (parts[k].start - parts[k].stop, spacings[k]))
    return parts[best]


def leaning_affine(stack: Stack, indices: Sequence[int]) -> np.ndarray:
    """Return the `(4, 4)` RAS affine of a tilted stack: the third axis leads to the last slice."""
    affine = stack.grid(indices).affine.copy()
    first, last = (np.array(stack.slices[indices[k]].position) for k in (0, -1))
    affine[:3, 2] = LPS_TO_RAS[:3, :3] @ (last - first) / (len(indices) - 1)
    return affine


def group_into_stacks(slices: Sequence[Header]) -> list[Stack]:
    """Group slices into stacks, the preferred stack first.

    Args:
        slices: Headers without a fault in UID, size or position.
    """
    exact: dict[tuple, list[Header]] = {}
    # by position, so that file names decide nothing
    for header in sorted(slices, key=lambda header: (header.position, header.file.name)):
        key = (
            header.series_uid,
            header.rows,
            header.columns,
            header.kernel,
            header.pixel_spacing,
            header.orientation,
        )
        exact.setdefault(key, []).append(header)
    groups: list[list[Header]] = []
    for group in exact.values():
        similar = next((other for other in groups if _is_similar(other[0], group[0])), None)
        if similar is None:
            groups.append(list(group))
        else:
            similar.extend(group)
    stacks = []
    for group in groups:
        normal = _axes(group[0])[2]
        stacks.append(Stack(sorted(group, key=lambda header, n=normal: _height(header, n))))
    return sorted(stacks, key=lambda stack: (-len(stack.slices), stack.spacing, stack.series_uid))


def describe_difference(stack: Stack, chosen: Stack) -> tuple[str, str]:
    """Return code and description of the difference between a stack and the chosen stack."""
    a, b = stack.slices[0], chosen.slices[0]
    if a.series_uid != b.series_uid:
        return "mixed_series", "of another series"
    if (a.rows, a.columns) != (b.rows, b.columns):
        return "mixed_size", "of the same series with another size"
    if not _is_close(a.orientation, b.orientation, tolerance=SAME_COSINE):
        return "mixed_orientation", "of the same series with another orientation"
    if not _is_close(a.pixel_spacing, b.pixel_spacing, tolerance=SAME_SPACING_MM):
        return "mixed_spacing", "of the same series with another pixel spacing"
    return "mixed_kernel", "of the same series with another kernel"


def check_positions(
    check: ScanCheck,
    slices: list[Header],
    *,
    positions: np.ndarray,
    spacing: float,
    tilt: str = "refuse",
) -> None:
    """Refuse slices that are not the evenly spaced planes of an upright box.

    Args:
        check: Receives the findings missing_slices, uneven_spacing, gantry_tilt, shifted_slices and
            those of `check_acquisitions`.
        slices: Headers in order of position, no two at the same position.
        positions: `(D, 3)` positions along row, column and normal in mm.
        spacing: Distance between neighbours in mm.
        tilt: `refuse` slices that are sheared evenly, or `straighten` them later.
    """
    if len(slices) < 2:
        return
    check_acquisitions(check, slices)
    _check_gaps(check, slices, heights=positions[:, 2], spacing=spacing)
    _check_sideways(check, slices, positions=positions, tilt=tilt)


def _check_gaps(
    check: ScanCheck, slices: list[Header], *, heights: np.ndarray, spacing: float
) -> None:
    """Refuse missing slices and uneven gaps along the normal."""
    gaps = np.diff(heights)
    steps = np.maximum(1, np.rint(gaps / spacing))
    error = np.abs(gaps - steps * spacing)
    uneven = (error > np.maximum(UNEVEN_SHARE * spacing, UNEVEN_MM)) & (steps < 2)
    # a long gap need not be an exact multiple: positions are rounded
    uneven |= (steps >= 2) & (error > np.maximum(UNEVEN_SHARE * spacing * steps, UNEVEN_MM))

    def describe_gap(k: int) -> str:
        return (
            f"{gaps[k]:.2f} mm between {slices[k].file.name} and {slices[k + 1].file.name} "
            f"({heights[k]:.2f} and {heights[k + 1]:.2f} mm), elsewhere {spacing:.2f} mm"
        )

    holes = np.flatnonzero((steps >= 2) & ~uneven)
    if len(holes):
        places = "; ".join(describe_gap(int(k)) for k in holes[:3])
        if len(holes) > 3:
            places += f"; and {len(holes) - 3} more gaps"
        count = int((steps[holes] - 1).sum())
        message = f"{count} slice(s) missing: {places}"
        check.add("missing_slices", "refused", message=message, remedy=COMPLETE)
    if uneven.any():
        worst = int(np.argmax(np.where(uneven, error, 0)))
        message = f"{int(uneven.sum())} uneven gap(s): {describe_gap(worst)}"
        check.add("uneven_spacing", "refused", message=message, remedy=COMPLETE)
    elif not len(holes):
        _check_drift(check, slices, heights=heights, spacing=spacing)


def _check_drift(
    check: ScanCheck, slices: list[Header], *, heights: np.ndarray, spacing: float
) -> None:
    """Refuse small deviations of the gaps that add up."""
    even = np.linspace(heights[0], heights[-1], len(heights))
    worst = int(np.argmax(np.abs(heights - even)))
    drift = abs(float(heights[worst] - even[worst]))
    if drift > max(DRIFT_SHARE * spacing, UNEVEN_MM):
        message = f"{slices[worst].file.name} lies {drift:.2f} mm off its even position"
        check.add("uneven_spacing", "refused", message=message, remedy=COMPLETE)


def _check_sideways(
    check: ScanCheck, slices: list[Header], *, positions: np.ndarray, tilt: str
) -> None:
    """Refuse slices that do not lie straight above each other, or in a line that leans."""
    offsets = positions[:, :2] - positions[0, :2]
    largest = float(np.linalg.norm(offsets, axis=1).max())
    if largest <= SIDEWAYS_MM:
        return
    height = positions[-1, 2] - positions[0, 2]
    along = (positions[:, 2] - positions[0, 2]) / height
    # distance from the line through the first and the last slice
    bend = np.linalg.norm(offsets - along[:, None] * offsets[-1], axis=1)
    if bend.max() <= SIDEWAYS_MM:
        lean = np.eye(4)
        lean[:2, 2], lean[2, 2] = offsets[-1], height
        lean[:3, 2] /= len(slices) - 1
        check_tilt(check, lean, depth=len(slices), tilt=tilt)
    else:
        worst = int(np.argmax(bend))
        check.add(
            "shifted_slices",
            "refused",
            message=f"{slices[worst].file.name} is shifted sideways by {bend[worst]:.1f} mm "
            "compared with the others",
            remedy="keep one acquisition per folder",
        )


def _axes(header: Header) -> np.ndarray:
    row, column = np.array(header.orientation).reshape(2, 3)
    row, column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    normal = np.cross(row, column)
    return np.stack([row, column, normal / np.linalg.norm(normal)])


def _height(header: Header, normal: np.ndarray) -> tuple[float, str]:
    return float(np.array(header.position) @ normal), header.file.name


def _is_close(
    a: tuple[float, ...] | None, b: tuple[float, ...] | None, *, tolerance: float
) -> bool:
    return bool(np.abs(np.subtract(a, b)).max() <= tolerance)


def _is_similar(a: Header, b: Header) -> bool:
    return (
        (a.series_uid, a.rows, a.columns, a.kernel) == (b.series_uid, b.rows, b.columns, b.kernel)
        and _is_close(a.pixel_spacing, b.pixel_spacing, tolerance=SAME_SPACING_MM)
        and _is_close(a.orientation, b.orientation, tolerance=SAME_COSINE)
    )
