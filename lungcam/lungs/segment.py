"""Segmentation of the lungs and the trachea by HU."""

from dataclasses import dataclass, field
from functools import cache

import cc3d
import numpy as np

from lungcam.grid import memory_axes
from lungcam.lungs.morphology import (
    axial_axes,
    axial_slices,
    blank_mask,
    bounding_box,
    from_axial_slices,
    from_memory_order,
    in_memory_order,
    mask_of_runs,
)
from lungcam.lungs.runs import Runs, fill_gaps, find_runs, label_runs, paint_runs, sample_runs

SOFT_TISSUE_HU = (-200, 300)
# value that `lungcam.scans` writes for voxels without a measurement
PADDING_HU = -1024
# air outside and gas in the bowel have about -1000 HU, lungs with emphysema more than this
DARKEST_LUNG_HU = -950
SMALLEST_LUNG_ML = 100.0
SECOND_LUNG_SHARE = 0.05
SMALLEST_PIECE_ML = 20.0
# share of the lungs' height below which a piece is bowel gas, which can be as bright as lung
LOWEST_PIECE = 0.25
# least volume of a lung relative to the foam of a table
LEAST_OF_TABLE = 0.2
# largest gap to fill: a tumour, but not the dome of the liver, which the lung also surrounds
LARGEST_GAP_CM2 = 15.0
# pockets are compared on every nth voxel: relevant ones are larger
COARSE_MM = 3.0

# cross-section of the trachea in adults
TRACHEA_CM2 = (0.4, 9.0)
TRACHEA_ASPECT = (0.4, 2.5)
TRACHEA_FROM_MIDDLE_MM = 35.0
# the trachea widens below the larynx; a later jump in area means that it has joined the lungs
USUAL_TRACHEA_CM2, MOST_GROWTH = 4.0, 1.8
SHORTEST_TRACHEA_MM = 15.0
# gas, mixed with some of the wall in thick slices
LUMEN_HU = -900


def air(hu: np.ndarray, threshold: float = -350) -> np.ndarray:
    """Threshold a scan for air: lungs, airway, bowel gas and the air around the patient.

    Args:
        hu: `(W, H, D)` volume in HU.
        threshold: Threshold in HU; soft tissue lies above, aerated lung below.

    Returns:
        `(W, H, D)` bool.
    """
    return from_memory_order(in_memory_order(hu) < threshold, hu)


def lung_pockets(
    air_mask: np.ndarray, hu: np.ndarray, *, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Find both lungs among the pockets of air.

    A pocket may be lung if it does not reach the frame (the sides of the volume and the padding
    around a circular field of view), or if it does but its median HU is that of lung, not of air:
    then the field of view cuts the lung. The largest pocket is a lung, or both if the airway joins
    them; otherwise the second lung is the largest other pocket next to the first: they overlap by
    half of the smaller box in height and in depth, and their middles do not coincide. Smaller
    pieces, cut off by a scar or a thick slice, belong to the lungs if they lie between them.
    Vessels and nodules surrounded by air in an axial slice are filled, up to 15 cm².

    Args:
        air_mask: `(W, H, D)` bool in RAS+ order, from `air`.
        hu: `(W, H, D)` HU.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(W, H, D)` bool: the lungs, with the airway that joins them and all that they enclose.

    Raises:
        ValueError: No pocket is as large as a lung.
    """
    padding = _padding_columns(hu)
    # padding would join a lung at the edge of the field of view with the air outside
    without = axial_slices(padding[:, :, None], like=air_mask)[0]
    runs = find_runs(axial_slices(air_mask), without)
    labels = label_runs(runs)
    pockets = _Pockets(runs, labels, like=air_mask)
    chosen = _choose_pockets(pockets, hu, frame=_frame_around(padding), spacing_mm=spacing_mm)
    largest = LARGEST_GAP_CM2 * 100 / (spacing_mm[0] * spacing_mm[1])
    return mask_of_runs(fill_gaps(runs[np.isin(labels, chosen)], largest), air_mask)


@dataclass(frozen=True, eq=False)
class _Pockets:
    """Pockets of air.

    Attributes:
        runs: Runs of their voxels, in the order of `axial_slices(like)`.
        labels: `(n,)` label of each run, from 0.
        like: `(W, H, D)` array with the axes and the memory order of the volume.
    """

    runs: Runs
    labels: np.ndarray
    like: np.ndarray

    def labels_of(self, chosen: np.ndarray) -> np.ndarray:
        """Return for each label whether it is that of a chosen run; `chosen` is `(n,)` bool."""
        return np.bincount(self.labels, weights=chosen) > 0

    def at_columns(self, columns: np.ndarray) -> np.ndarray:
        """Return for each label whether it reaches some columns, `(W, H)` bool."""
        plane = axial_slices(columns[:, :, None], like=self.like)[0]
        passed = np.zeros((plane.shape[0], plane.shape[1] + 1), int)
        np.cumsum(plane, axis=1, out=passed[:, 1:])
        row = self.runs.row % plane.shape[0]
        first, last = self.runs.columns
        return self.labels_of(passed[row, last] > passed[row, first])

    def run_through(self) -> np.ndarray:
        """Return for each label whether it reaches both the first and the last axial slice."""
        count, rows, _ = self.runs.shape
        level = self.runs.row // rows
        return self.labels_of(level == 0) & self.labels_of(level == count - 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Candidates:
    """Pockets that may be lung.

    Attributes:
        ml: Volume of each label in mL.
        through: True for each label that runs through all slices, `(labels,)`.
        boxes: Bounding boxes of the labels below, on the coarse grid.
        inside: Labels with the HU of lung that do not reach the frame, the largest first.
        cut: Labels with the HU of lung that reach the frame.
        dark: Labels with the HU of air that do not reach the frame: a pneumothorax or severe
            emphysema, used only if there is nothing better.
    """

    ml: np.ndarray
    through: np.ndarray
    boxes: dict[int, tuple[slice, ...]] = field(default_factory=dict)
    inside: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    dark: list[int] = field(default_factory=list)


def _choose_pockets(
    pockets: _Pockets,
    hu: np.ndarray,
    *,
    frame: np.ndarray,
    spacing_mm: tuple[float, float, float],
) -> list[int]:
    """Return the labels of the pockets that are lung, the largest first."""
    candidates = _find_candidates(pockets, hu, frame=frame, spacing_mm=spacing_mm)
    first = _choose_first(candidates)
    chosen = [first]
    ml = candidates.ml
    others = candidates.inside + candidates.cut + candidates.dark
    others = sorted((label for label in others if label != first), key=lambda label: -ml[label])
    for other in others:
        if ml[other] < SECOND_LUNG_SHARE * ml[first]:
            break
        if _are_side_by_side(candidates.boxes[first], candidates.boxes[other]):
            chosen.append(other)
            break
    for piece in others:
        if piece in chosen or piece not in candidates.inside:
            continue
        if _is_between(candidates.boxes[piece], [candidates.boxes[label] for label in chosen]):
            chosen.append(piece)
    return chosen


def _find_candidates(
    pockets: _Pockets,
    hu: np.ndarray,
    *,
    frame: np.ndarray,
    spacing_mm: tuple[float, float, float],
) -> _Candidates:
    """Sort the pockets by volume, median HU and contact with the frame."""
    steps, every = coarse_grid(spacing_mm)
    axes = axial_axes(pockets.like)
    first = tuple(
        (pockets.like.shape[axis] - 1) % steps[axis] if pockets.like.strides[axis] < 0 else 0
        for axis in axes
    )
    runs, kept = sample_runs(pockets.runs, first, steps=tuple(steps[axis] for axis in axes))
    labels = pockets.labels[kept]
    voxel_ml = float(np.prod(spacing_mm) * np.prod(steps)) / 1000
    through = pockets.run_through()
    sizes = np.bincount(labels, weights=runs.stop - runs.start, minlength=through.size)
    candidates = _Candidates(ml=sizes * voxel_ml, through=through)
    coarse = paint_runs(runs, labels.astype(np.int32) + 1)
    coarse_hu = np.ascontiguousarray(axial_slices(hu[every], like=pockets.like[every]))
    at_frame = pockets.at_columns(frame)
    for label in map(int, np.argsort(-candidates.ml, kind="stable")):
        if candidates.ml[label] < SMALLEST_PIECE_ML:
            break
        pocket = coarse == label + 1
        if np.median(coarse_hu[pocket]) > DARKEST_LUNG_HU:
            group = candidates.cut if at_frame[label] else candidates.inside
        elif not at_frame[label] and candidates.ml[label] >= SMALLEST_LUNG_ML:
            group = candidates.dark
        else:
            continue
        group.append(label)
        candidates.boxes[label] = bounding_box(from_axial_slices(pocket, pockets.like))
    return candidates


def _choose_first(candidates: _Candidates) -> int:
    """Return the label of the largest pocket that is a lung, not the foam of a table.

    Raises:
        ValueError: No pocket is as large as a lung.
    """
    ml = candidates.ml
    for group in (candidates.inside, candidates.cut, candidates.dark):
        large = [label for label in group if ml[label] >= SMALLEST_LUNG_ML]
        if large:
            break
    else:
        raise ValueError(
            f"No lungs found: no pocket of air inside the body holds {SMALLEST_LUNG_ML:.0f} mL."
        )
    first = max(large, key=lambda label: ml[label])
    # foam can be as bright as lung, but runs through all slices
    if not candidates.through[first]:
        return first
    large = [
        label
        for label in large
        if not candidates.through[label] and ml[label] > LEAST_OF_TABLE * ml[first]
    ]
    return max(large, key=lambda label: ml[label], default=first)


def _are_side_by_side(first: tuple[slice, ...], other: tuple[slice, ...]) -> bool:
    """Return True if two boxes lie as a right and a left lung do."""
    for axis in (1, 2):
        a, b = first[axis], other[axis]
        overlap = min(a.stop, b.stop) - max(a.start, b.start)
        if overlap < 0.5 * min(a.stop - a.start, b.stop - b.start):
            return False
    a, b = first[0], other[0]
    distance = abs((a.start + a.stop) - (b.start + b.stop)) / 2
    return distance > 0.5 * max(a.stop - a.start, b.stop - b.start)


def _is_between(piece: tuple[slice, ...], lungs: list[tuple[slice, ...]]) -> bool:
    """Return True if a box's middle lies within the box around others, not at its bottom."""
    low = [min(lung[axis].start for lung in lungs) for axis in range(3)]
    high = [max(lung[axis].stop for lung in lungs) for axis in range(3)]
    low[2] += LOWEST_PIECE * (high[2] - low[2])
    middle = [(side.start + side.stop) / 2 for side in piece]
    return all(low[axis] < middle[axis] < high[axis] for axis in range(3))


def coarse_grid(spacing_mm: tuple[float, float, float]) -> tuple[list[int], tuple[slice, ...]]:
    """Return steps in voxels to a grid of about 3 mm, and the slices that take these voxels."""
    steps = [max(1, int(COARSE_MM / mm)) for mm in spacing_mm]
    return steps, tuple(slice(None, None, step) for step in steps)


def frame_columns(hu: np.ndarray) -> np.ndarray:
    """Return the columns at the sides of the volume or next to its padding, `(W, H)` bool."""
    return _frame_around(_padding_columns(hu))


def _frame_around(padding: np.ndarray) -> np.ndarray:
    frame = np.zeros_like(padding)
    frame[1:] |= padding[:-1]
    frame[:-1] |= padding[1:]
    frame[:, 1:] |= padding[:, :-1]
    frame[:, :-1] |= padding[:, 1:]
    frame &= ~padding
    frame[[0, -1]] = True
    frame[:, [0, -1]] = True
    return frame


def _padding_columns(hu: np.ndarray) -> np.ndarray:
    """Return the columns `(W, H)` without a measurement, around a circular field of view."""
    slices = axial_slices(hu)
    padding = slices[0] <= PADDING_HU
    for values in slices[1:]:
        if not padding.any():
            break
        padding &= values <= PADDING_HU
    return from_memory_order(padding, hu[:, :, 0])


def body_middle(hu: np.ndarray, slices: slice) -> int:
    """Find the sagittal plane with half of the soft tissue on either side.

    The body shows the middle even where one lung is missing.

    Args:
        hu: `(W, H, D)` HU in RAS+ order.
        slices: Axial slices to search.

    Returns:
        Index along the first axis.
    """
    low, high = SOFT_TISSUE_HU
    # a quarter of the rows gives the same middle
    sample = in_memory_order(hu[:, ::4, slices], like=hu)
    tissue = (sample > low) & (sample < high)
    sagittal = int(np.flatnonzero(memory_axes(hu) == 0)[0])
    columns = tissue.sum(axis=tuple({0, 1, 2} - {sagittal}), dtype=np.uint32)
    if hu.strides[0] < 0:
        columns = columns[::-1]
    if not columns.any():
        return hu.shape[0] // 2
    total = np.cumsum(columns)
    return int(np.searchsorted(total, total[-1] / 2))


def trachea(
    lungs: np.ndarray, hu: np.ndarray, *, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Follow the trachea from the top of the volume down to its bifurcation.

    A threshold cannot separate it from the lungs. It begins as a round region of gas near the
    middle and is followed from slice to slice as long as it is separate from the lungs and does not
    widen suddenly.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, from `lung_pockets`.
        hu: `(W, H, D)` HU.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(W, H, D)` bool, empty if the lungs contain no trachea.
    """
    airway = blank_mask(lungs)
    *box, slices = bounding_box(lungs)
    middle = body_middle(hu, slices) - box[0].start
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100

    @cache
    def regions(k: int) -> np.ndarray:
        """Label the regions of a slice, in memory order."""
        return cc3d.connected_components(in_memory_order(lungs[*box, k]), connectivity=4)

    for start in range(slices.stop - 1, slices.start - 1, -1):
        label = _find_beginning(
            from_memory_order(regions(start), lungs[*box, start]),
            hu[*box, start],
            middle=middle,
            spacing_mm=spacing_mm,
            pixel_cm2=pixel_cm2,
        )
        if label:
            break
    else:
        return airway
    count = 1
    # the larynx above it, of any shape, is no lung either
    for direction in (range(start + 1, slices.stop), range(start - 1, slices.start - 1, -1)):
        last = regions(start) == label
        in_memory_order(airway[*box, start])[:] = last
        for k in direction:
            next_label = _find_continuation(regions(k), last, pixel_cm2=pixel_cm2)
            if not next_label:
                break
            last = regions(k) == next_label
            in_memory_order(airway[*box, k])[:] = last
            count += 1
    return airway if count * spacing_mm[2] >= SHORTEST_TRACHEA_MM else blank_mask(lungs)


def _find_beginning(
    regions: np.ndarray,
    hu: np.ndarray,
    *,
    middle: float,
    spacing_mm: tuple[float, float, float],
    pixel_cm2: float,
) -> int:
    """Return the label of the region that looks like a trachea, or 0."""
    statistics = cc3d.statistics(regions)
    best, nearest = 0, TRACHEA_FROM_MIDDLE_MM
    for label in range(1, len(statistics["voxel_counts"])):
        area = statistics["voxel_counts"][label] * pixel_cm2
        width, height = (
            (side.stop - side.start) * mm
            for side, mm in zip(statistics["bounding_boxes"][label], spacing_mm[:2], strict=True)
        )
        if not TRACHEA_CM2[0] <= area <= TRACHEA_CM2[1]:
            continue
        if not TRACHEA_ASPECT[0] < width / height < TRACHEA_ASPECT[1]:
            continue
        distance = abs(statistics["centroids"][label][0] - middle) * spacing_mm[0]
        if distance < nearest and np.median(hu[regions == label]) < LUMEN_HU:
            best, nearest = label, distance
    return best


def _find_continuation(regions: np.ndarray, last: np.ndarray, *, pixel_cm2: float) -> int:
    """Return the label of the region that overlaps the last one most, 0 if it joins the lungs."""
    overlap = np.bincount(regions[last], minlength=1)
    overlap[0] = 0
    label = int(np.argmax(overlap))
    if not overlap[label]:
        return 0
    area = int((regions == label).sum())
    grown = area > MOST_GROWTH * last.sum() and area * pixel_cm2 > USUAL_TRACHEA_CM2
    return 0 if grown or area * pixel_cm2 > TRACHEA_CM2[1] else label
