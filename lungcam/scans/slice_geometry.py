"""Stacks: which slices of a folder form one volume.

The slices of a stack share SeriesInstanceUID, size, pixel spacing, orientation and kernel. Without
a wanted series, the stack with the most slices is taken; of equal ones that with the thinnest
spacing, then that with the smallest UID.

Where the slices of a stack stand: evenly, upright, none missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.dicom_header import Header

# gaps may differ from the spacing by this share, or by this much where positions are rounded
UNEVEN_SHARE = 0.1
UNEVEN_MM = 0.1
# a slice may stand off its even place by this share of the spacing
DRIFT_SHARE = 0.5
SIDEWAYS_MM = 1.0
COMPLETE = "complete the series or export it again"


def note_places(
    verdict: ScanCheck, slices: list[Header], *, places: np.ndarray, spacing: float
) -> None:
    """Refuse slices that are not the evenly spaced planes of an upright box.

    Args:
        verdict: Takes the findings missing_slices, uneven_spacing, gantry_tilt, shifted_slices.
        slices: In order of position, no two at one position.
        places: `(D, 3)` mm along row, column and normal.
        spacing: mm between neighbours.
    """
    heights = places[:, 2]
    gaps = np.diff(heights)
    if not len(gaps):
        return
    steps = np.maximum(1, np.rint(gaps / spacing))
    off = np.abs(gaps - steps * spacing)
    uneven = (off > np.maximum(UNEVEN_SHARE * spacing, UNEVEN_MM)) & (steps < 2)
    # a long gap need not be a whole multiple: positions are rounded
    uneven |= (steps >= 2) & (off > np.maximum(UNEVEN_SHARE * spacing * steps, UNEVEN_MM))

    def between(at: int) -> str:
        return (
            f"{gaps[at]:.2f} mm between {slices[at].file.name} and {slices[at + 1].file.name} "
            f"({heights[at]:.2f} and {heights[at + 1]:.2f} mm), elsewhere {spacing:.2f} mm"
        )

    holes = np.flatnonzero((steps >= 2) & ~uneven)
    if len(holes):
        told = "; ".join(between(int(at)) for at in holes[:3])
        count = int((steps[holes] - 1).sum())
        more = f"; and {len(holes) - 3} more gaps" if len(holes) > 3 else ""
        verdict.add(
            "missing_slices", "refused", f"{count} slice(s) missing: {told}{more}", COMPLETE
        )
    if uneven.any():
        at = int(np.argmax(np.where(uneven, off, 0)))
        count = int(uneven.sum())
        verdict.add("uneven_spacing", "refused", f"{count} uneven gap(s): {between(at)}", COMPLETE)
    elif not len(holes):
        even = np.linspace(heights[0], heights[-1], len(heights))
        at = int(np.argmax(np.abs(heights - even)))
        drift = abs(float(heights[at] - even[at]))
        if drift > max(DRIFT_SHARE * spacing, UNEVEN_MM):
            verdict.add(
                "uneven_spacing",
                "refused",
                f"{slices[at].file.name} stands {drift:.2f} mm off its even place",
                COMPLETE,
            )
    _note_sideways(verdict, slices, places=places)


def _note_sideways(verdict: ScanCheck, slices: list[Header], *, places: np.ndarray) -> None:
    """Refuse slices whose first pixels do not stand above each other."""
    aside = places[:, :2] - places[0, :2]
    most = float(np.linalg.norm(aside, axis=1).max())
    if most <= SIDEWAYS_MM:
        return
    along = (places[:, 2] - places[0, 2]) / (places[-1, 2] - places[0, 2])
    bent = np.linalg.norm(aside - along[:, None] * aside[-1], axis=1)
    if bent.max() <= 0.5 * most:
        angle = np.degrees(np.arctan2(np.linalg.norm(aside[-1]), places[-1, 2] - places[0, 2]))
        verdict.add(
            "gantry_tilt",
            "refused",
            f"the slices are sheared by {most:.1f} mm from first to last (gantry tilt of "
            f"{angle:.1f} degrees)",
            "resample the series upright first",
        )
    else:
        at = int(np.argmax(bent))
        verdict.add(
            "shifted_slices",
            "refused",
            f"{slices[at].file.name} stands {bent[at]:.1f} mm sideways of the others",
            "keep one acquisition in a folder",
        )


SAME_SPACING_MM = 1e-3
SAME_COSINE = 1e-3
SAME_POSITION_MM = 0.01


@dataclass(frozen=True, eq=False)
class Stack:
    """Well-placed slices that fit together, in order of position along their normal."""

    slices: list[Header]

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self.slices[0].uid

    @cached_property
    def axes(self) -> np.ndarray:
        """`(3, 3)` unit LPS rows: of growing column index, of growing row index, the normal."""
        return _axes(self.slices[0])

    @cached_property
    def places(self) -> np.ndarray:
        """`(D, 3)` mm: positions along the three axes."""
        return np.array([one.position for one in self.slices]) @ self.axes.T

    @cached_property
    def stands_for(self) -> list[int]:
        """For each slice the first one at its position: mostly itself."""
        first = []
        for k, height in enumerate(self.places[:, 2]):
            last = first[-1] if first else k
            first.append(last if height - self.places[last, 2] < SAME_POSITION_MM else k)
        return first

    @property
    def without_repeats(self) -> list[int]:
        """Indices of the slices, the first only of those that stand at one position."""
        return [k for k, first in enumerate(self.stands_for) if k == first]

    def grid(self, kept: Sequence[int]) -> Grid:
        """The grid of a volume of some slices: spacing is the mean from the first to the last.

        Args:
            kept: Indices of at least two slices, in their order.
        """
        first = self.slices[kept[0]]
        row, column, normal = self.axes
        between_rows, between_columns = first.pixel_spacing
        depth = self.places[kept[-1], 2] - self.places[kept[0], 2]
        lps = np.eye(4)
        lps[:3, 0], lps[:3, 1] = row * between_columns, column * between_rows
        lps[:3, 2] = normal * depth / (len(kept) - 1)
        lps[:3, 3] = first.position
        return Grid((int(first.columns), int(first.rows), len(kept)), LPS_TO_RAS @ lps)

    @property
    def spacing(self) -> float:
        """Distance from slice to slice in mm: the lower median; 0 for a single slice."""
        gaps = np.diff(self.places[:, 2])
        gaps = np.sort(gaps[gaps >= SAME_POSITION_MM])
        return float(gaps[(len(gaps) - 1) // 2]) if len(gaps) else 0.0


def stacks_of(slices: Sequence[Header]) -> list[Stack]:
    """Sort slices that have a UID, a size and a place into stacks, the one to take first."""
    exact: dict[tuple, list[Header]] = {}
    # by position, so that file names decide nothing
    for one in sorted(slices, key=lambda one: (one.position, one.file.name)):
        key = (one.uid, one.rows, one.columns, one.kernel, one.pixel_spacing, one.orientation)
        exact.setdefault(key, []).append(one)
    groups: list[list[Header]] = []
    for group in exact.values():
        like = next((other for other in groups if _alike(other[0], group[0])), None)
        if like is None:
            groups.append(list(group))
        else:
            like.extend(group)
    stacks = []
    for group in groups:
        normal = _axes(group[0])[2]
        stacks.append(Stack(sorted(group, key=lambda one, n=normal: _height(one, n))))
    return sorted(stacks, key=lambda one: (-len(one.slices), one.spacing, one.uid))


def difference(one: Stack, taken: Stack) -> tuple[str, str]:
    """Code and words for what sets a stack apart from the one that is taken."""
    a, b = one.slices[0], taken.slices[0]
    if a.uid != b.uid:
        return "mixed_series", "of another series"
    if (a.rows, a.columns) != (b.rows, b.columns):
        return "mixed_size", "of the same series with another size"
    if not _close(a.orientation, b.orientation, by=SAME_COSINE):
        return "mixed_orientation", "of the same series with another orientation"
    if not _close(a.pixel_spacing, b.pixel_spacing, by=SAME_SPACING_MM):
        return "mixed_spacing", "of the same series with another pixel spacing"
    return "mixed_kernel", "of the same series with another kernel"


def _axes(one: Header) -> np.ndarray:
    row, column = np.array(one.orientation).reshape(2, 3)
    row, column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    normal = np.cross(row, column)
    return np.stack([row, column, normal / np.linalg.norm(normal)])


def _height(one: Header, normal: np.ndarray) -> tuple[float, str]:
    return float(np.array(one.position) @ normal), one.file.name


def _close(a: tuple[float, ...] | None, b: tuple[float, ...] | None, *, by: float) -> bool:
    return bool(np.abs(np.subtract(a, b)).max() <= by)


def _alike(a: Header, b: Header) -> bool:
    return (
        (a.uid, a.rows, a.columns, a.kernel) == (b.uid, b.rows, b.columns, b.kernel)
        and _close(a.pixel_spacing, b.pixel_spacing, by=SAME_SPACING_MM)
        and _close(a.orientation, b.orientation, by=SAME_COSINE)
    )
