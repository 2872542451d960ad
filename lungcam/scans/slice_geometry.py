"""Stacks: which slices of a folder form one volume.

The slices of a stack share SeriesInstanceUID, size, pixel spacing, orientation and kernel. Without
a wanted series, the stack with the most slices is taken; of equal ones that with the thinnest
spacing, then that with the smallest UID.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.headers import Header

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
    if not _close(a.orientation, b.orientation, SAME_COSINE):
        return "mixed_orientation", "of the same series with another orientation"
    if not _close(a.pixel_spacing, b.pixel_spacing, SAME_SPACING_MM):
        return "mixed_spacing", "of the same series with another pixel spacing"
    return "mixed_kernel", "of the same series with another kernel"


def _axes(one: Header) -> np.ndarray:
    row, column = np.array(one.orientation).reshape(2, 3)
    row, column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    normal = np.cross(row, column)
    return np.stack([row, column, normal / np.linalg.norm(normal)])


def _height(one: Header, normal: np.ndarray) -> tuple[float, str]:
    return float(np.array(one.position) @ normal), one.file.name


def _close(a: tuple[float, ...] | None, b: tuple[float, ...] | None, by: float) -> bool:
    return bool(np.abs(np.subtract(a, b)).max() <= by)


def _alike(a: Header, b: Header) -> bool:
    return (
        (a.uid, a.rows, a.columns, a.kernel) == (b.uid, b.rows, b.columns, b.kernel)
        and _close(a.pixel_spacing, b.pixel_spacing, SAME_SPACING_MM)
        and _close(a.orientation, b.orientation, SAME_COSINE)
    )
