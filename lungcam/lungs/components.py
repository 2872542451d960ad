"""Connected components: which pockets of air are the lungs."""

import cc3d
import numpy as np

SMALLEST_LUNG_ML = 100.0
SECOND_LUNG_SHARE = 0.05


def lung_pockets(air: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Find both lungs among the pockets of air.

    Air that reaches the sides of the volume is the air around the person. The largest remaining
    pocket is the lungs; where the airway does not join them, the second lung is the largest other
    pocket that stands beside the first: their heights overlap by half of the smaller one, as do
    their depths, and their middles do not coincide. Vessels and nodules that air surrounds within
    an axial slice are filled.

    Args:
        air: `(W, H, D)` bool in RAS+ order, from `air`.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(W, H, D)` bool: the lungs with what they enclose.

    Raises:
        ValueError: No pocket is as large as a lung.
    """
    pockets, count = cc3d.connected_components(air, connectivity=6, return_N=True)
    statistics = cc3d.statistics(pockets)
    voxels = statistics["voxel_counts"].astype(np.int64)
    voxels[0] = 0
    sides = (pockets[0], pockets[-1], pockets[:, 0], pockets[:, -1])
    voxels[np.unique(np.concatenate([np.unique(side) for side in sides]))] = 0
    first = int(np.argmax(voxels))
    if voxels[first] * np.prod(spacing_mm) / 1000 < SMALLEST_LUNG_ML:
        raise ValueError(
            f"No lungs found: no pocket of air inside the body holds {SMALLEST_LUNG_ML:.0f} mL."
        )
    boxes = statistics["bounding_boxes"]
    chosen = [first]
    # stable, so that of two equal ones the first stands first here too
    for other in np.argsort(-voxels, kind="stable")[1:count]:
        if voxels[other] < SECOND_LUNG_SHARE * voxels[first]:
            break
        if _side_by_side(boxes[first], boxes[other]):
            chosen.append(int(other))
            break
    lookup = np.zeros(count + 1, bool)
    lookup[chosen] = True
    lungs = lookup[pockets]
    _fill_axial_slices(lungs)
    return lungs


def _side_by_side(first: tuple[slice, ...], other: tuple[slice, ...]) -> bool:
    """Whether two boxes stand as a right and a left lung do."""
    for axis in (1, 2):
        a, b = first[axis], other[axis]
        overlap = min(a.stop, b.stop) - max(a.start, b.start)
        if overlap < 0.5 * min(a.stop - a.start, b.stop - b.start):
            return False
    a, b = first[0], other[0]
    apart = abs((a.start + a.stop) - (b.start + b.stop)) / 2
    return apart > 0.5 * max(a.stop - a.start, b.stop - b.start)


def _fill_axial_slices(mask: np.ndarray) -> None:
    """Fill, in place, what the mask encloses within each axial slice."""
    rows, columns, slices = (
        np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))
    )
    # a rim of one voxel, where the volume has it, joins what lies outside into one piece
    box = mask[
        max(rows[0] - 1, 0) : rows[-1] + 2,
        max(columns[0] - 1, 0) : columns[-1] + 2,
    ]
    for k in slices:
        gaps = cc3d.connected_components(np.asfortranarray(~box[:, :, k]), connectivity=4)
        rim = np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])
        outside = np.zeros(int(gaps.max()) + 1, bool)
        outside[rim] = True
        box[:, :, k] = ~outside[gaps] | box[:, :, k]
