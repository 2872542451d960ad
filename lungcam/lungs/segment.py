"""Connected components: which pockets of air are the lungs.

Air by its HU.

The body around the lungs.

The trachea, which a threshold cannot tell from the lungs.
"""

import cc3d
import numpy as np
from scipy import ndimage

from lungcam.lungs.morphology import (
    bounding_box,
    fill_axial_slices,
    from_memory_order,
    in_memory_order,
)


def air(hu: np.ndarray, threshold: float = -350) -> np.ndarray:
    """Voxels below a threshold: lungs, airway, bowel gas and the air around the person.

    Args:
        hu: `(W, H, D)` volume in HU.
        threshold: In HU; soft tissue lies above, aerated lung below.

    Returns:
        `(W, H, D)` bool.
    """
    return hu < threshold


SOFT_TISSUE_HU = (-200, 300)


def body_middle(hu: np.ndarray, slices: slice) -> int:
    """Find the sagittal plane with half of the soft tissue on either side.

    One lung alone does not tell where the middle is; the body does.

    Args:
        hu: `(W, H, D)` HU in RAS+ order.
        slices: Axial slices to look at.

    Returns:
        Index along the first axis.
    """
    low, high = SOFT_TISSUE_HU
    beside = hu[:, ::4, slices]  # a quarter of the rows tells the same
    columns = ((beside > low) & (beside < high)).sum(axis=(1, 2))
    if not columns.any():
        return hu.shape[0] // 2
    total = np.cumsum(columns)
    return int(np.searchsorted(total, total[-1] / 2))


SMALLEST_LUNG_ML = 100.0
SECOND_LUNG_SHARE = 0.05
SMALLEST_PIECE_ML = 20.0
# of the lungs' height: gas in the bowel lies below, and can be as bright as lung
LOWEST_PIECE = 0.25
# a lung's volume over that of a table's foam
LEAST_OF_TABLE = 0.2
# air around a person and gas in the bowel lie at about -1000, lungs with emphysema above this
DARKEST_LUNG_HU = -950
# pockets are compared on every nth voxel: none that matters is smaller
COARSE_MM = 3.0
# what `lungcam.scans` writes for voxels without a measurement
PADDING_HU = -1024
# a tumour in the lung; the dome of the liver, which the lung surrounds too, is larger
LARGEST_GAP_CM2 = 15.0


def lung_pockets(
    air: np.ndarray, hu: np.ndarray, *, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Find both lungs among the pockets of air.

    A pocket may be lung if it does not reach the frame (the sides of the volume and the padding
    around a circular field of view), or if it does and its median HU is that of lung and not of
    air: then the field of view cuts it. The largest is the lungs; where the airway does not join
    them, the second lung is the largest other one that stands beside the first: their heights
    overlap by half of the smaller one, as do their depths, and their middles do not coincide.
    Smaller pieces that a scar or a thick slice has cut off belong to the lungs if they lie between
    them. Vessels and nodules that air surrounds within an axial slice are filled, up to 15 cm².

    Args:
        air: `(W, H, D)` bool in RAS+ order, from `air`.
        hu: `(W, H, D)` HU.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(W, H, D)` bool: the lungs, with the airway that joins them and with what they enclose.

    Raises:
        ValueError: No pocket is as large as a lung.
    """
    padding = _padding(hu)
    if padding.any():
        # it would join a lung that the field of view cuts with the air outside
        air = air & ~padding[:, :, None]
    pockets = from_memory_order(
        cc3d.connected_components(in_memory_order(air), connectivity=6), air
    )
    chosen = _choose(pockets, hu, frame=_rim(padding), spacing_mm=spacing_mm)
    lungs = pockets == chosen[0]
    for other in chosen[1:]:
        lungs |= pockets == other
    del pockets
    return fill_axial_slices(lungs, spacing_mm, largest_cm2=LARGEST_GAP_CM2)


def _choose(
    pockets: np.ndarray,
    hu: np.ndarray,
    *,
    frame: np.ndarray,
    spacing_mm: tuple[float, float, float],
) -> list[int]:
    """Labels of the pockets that are lung, the largest first."""
    steps, every = coarse_grid(spacing_mm)
    coarse, coarse_hu = np.ascontiguousarray(pockets[every], np.int32), hu[every]
    voxel_ml = float(np.prod(spacing_mm) * np.prod(steps)) / 1000
    ml = np.bincount(coarse.ravel()) * voxel_ml
    ml[0] = 0
    boxes = ndimage.find_objects(coarse)
    at_frame = set(np.unique(pockets[frame]).tolist())
    may_be_lung = []
    for label in np.argsort(-ml, kind="stable"):
        if ml[label] < SMALLEST_PIECE_ML:
            break
        box = boxes[label - 1]
        inside = coarse[box] == label
        if np.median(coarse_hu[box][inside]) > DARKEST_LUNG_HU:
            may_be_lung.append(int(label))
        elif label not in at_frame and ml[label] >= SMALLEST_LUNG_ML:
            # a pneumothorax, or severe emphysema: taken only if there is nothing better
            may_be_lung.append(-int(label))
    sure = [label for label in may_be_lung if label > 0 and label not in at_frame]
    cut = [label for label in may_be_lung if label > 0 and label in at_frame]
    dark = [-label for label in may_be_lung if label < 0]
    for group in (sure, cut, dark):
        large = [label for label in group if ml[label] >= SMALLEST_LUNG_ML]
        if large:
            break
    else:
        raise ValueError(
            f"No lungs found: no pocket of air inside the body holds {SMALLEST_LUNG_ML:.0f} mL."
        )
    first = max(large, key=lambda label: ml[label])
    # foam in a table can be as bright as lung, but runs through all slices
    through = set(np.intersect1d(pockets[:, :, 0], pockets[:, :, -1]).tolist())
    if first in through:
        large = [i for i in large if i not in through and ml[i] > LEAST_OF_TABLE * ml[first]]
        first = max(large, key=lambda label: ml[label], default=first)
    chosen = [first]
    others = sorted((label for label in sure + cut + dark if label != first), key=lambda i: -ml[i])
    for other in others:
        if ml[other] < SECOND_LUNG_SHARE * ml[first]:
            break
        if _side_by_side(boxes[first - 1], boxes[other - 1]):
            chosen.append(other)
            break
    for piece in others:
        if piece in chosen or piece not in sure:
            continue
        if _between(boxes[piece - 1], [boxes[label - 1] for label in chosen]):
            chosen.append(piece)
    return chosen


def coarse_grid(spacing_mm: tuple[float, float, float]) -> tuple[list[int], tuple[slice, ...]]:
    """Steps in voxels, and slices that take every such voxel, for a grid of about 3 mm."""
    steps = [max(1, int(COARSE_MM / mm)) for mm in spacing_mm]
    return steps, tuple(slice(None, None, step) for step in steps)


def frame_columns(hu: np.ndarray) -> np.ndarray:
    """Columns at the sides of the volume or beside its padding, `(W, H)` bool."""
    return _rim(_padding(hu))


def _rim(padding: np.ndarray) -> np.ndarray:
    rim = ndimage.binary_dilation(padding) & ~padding
    rim[[0, -1]] = True
    rim[:, [0, -1]] = True
    return rim


def _padding(hu: np.ndarray) -> np.ndarray:
    """Columns `(W, H)` without a measurement in any slice: around a circular field of view."""
    padding = hu[:, :, 0] <= PADDING_HU
    for k in range(1, hu.shape[2]):
        if not padding.any():
            break
        padding &= hu[:, :, k] <= PADDING_HU
    return padding


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


def _between(piece: tuple[slice, ...], lungs: list[tuple[slice, ...]]) -> bool:
    """Whether the middle of a box lies within the box around others, and not at its bottom."""
    low = [min(lung[axis].start for lung in lungs) for axis in range(3)]
    high = [max(lung[axis].stop for lung in lungs) for axis in range(3)]
    low[2] += LOWEST_PIECE * (high[2] - low[2])
    middle = [(side.start + side.stop) / 2 for side in piece]
    return all(low[axis] < middle[axis] < high[axis] for axis in range(3))


# of its cross-section in adults
SMALLEST_CM2, LARGEST_CM2 = 0.4, 9.0
FURTHEST_FROM_MIDDLE_MM = 35.0
# it widens below the larynx; later a jump means that it has joined the lungs
USUAL_CM2, MOST_GROWTH = 4.0, 1.8
SHORTEST_MM = 15.0
# gas, with what its wall takes of it in thick slices
LUMEN_HU = -900


def trachea(
    lungs: np.ndarray, hu: np.ndarray, *, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """Follow the trachea from the top of the volume down to where it divides.

    It begins as a round piece of gas near the middle and is followed from slice to slice as long
    as it stands apart from the lungs and does not widen at once.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, from `lung_pockets`.
        hu: `(W, H, D)` HU.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `(W, H, D)` bool, empty where the lungs hold no trachea.
    """
    found = np.zeros_like(lungs)
    *box, slices = bounding_box(lungs)
    middle = body_middle(hu, slices) - box[0].start
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100
    pieces_of = {}

    def pieces(k: int) -> np.ndarray:
        layer = lungs[*box, k]
        if k not in pieces_of:
            labels = cc3d.connected_components(in_memory_order(layer), connectivity=4)
            pieces_of[k] = from_memory_order(labels, layer)
        return pieces_of[k]

    for start in range(slices.stop - 1, slices.start - 1, -1):
        label = _beginning(
            pieces(start),
            hu[*box, start],
            middle=middle,
            spacing_mm=spacing_mm,
            pixel_cm2=pixel_cm2,
        )
        if label:
            break
    else:
        return found
    # above it the larynx, of any shape, is no lung either
    for way in (range(start + 1, slices.stop), range(start - 1, slices.start - 1, -1)):
        last = found[*box, start] = pieces(start) == label
        for k in way:
            following = _continuation(pieces(k), last, pixel_cm2=pixel_cm2)
            if not following:
                break
            last = found[*box, k] = pieces(k) == following
    height_mm = found.any(axis=(0, 1)).sum() * spacing_mm[2]
    return found if height_mm >= SHORTEST_MM else np.zeros_like(lungs)


def _beginning(
    pieces: np.ndarray,
    hu: np.ndarray,
    *,
    middle: float,
    spacing_mm: tuple[float, float, float],
    pixel_cm2: float,
) -> int:
    """Label of the piece that looks like a trachea, or 0."""
    statistics = cc3d.statistics(pieces)
    best, nearest = 0, FURTHEST_FROM_MIDDLE_MM
    for label in range(1, len(statistics["voxel_counts"])):
        area = statistics["voxel_counts"][label] * pixel_cm2
        width, height = (
            (side.stop - side.start) * mm
            for side, mm in zip(statistics["bounding_boxes"][label], spacing_mm[:2], strict=True)
        )
        if not SMALLEST_CM2 <= area <= LARGEST_CM2 or not 0.4 < width / height < 2.5:
            continue
        away = abs(statistics["centroids"][label][0] - middle) * spacing_mm[0]
        if away < nearest and np.median(hu[pieces == label]) < LUMEN_HU:
            best, nearest = label, away
    return best


def _continuation(pieces: np.ndarray, last: np.ndarray, *, pixel_cm2: float) -> int:
    """Label of the piece next to the last one, or 0 where it has joined the lungs."""
    overlap = np.bincount(pieces[last], minlength=1)
    overlap[0] = 0
    label = int(np.argmax(overlap))
    if not overlap[label]:
        return 0
    area = int((pieces == label).sum())
    grown = area > MOST_GROWTH * last.sum() and area * pixel_cm2 > USUAL_CM2
    return 0 if grown or area * pixel_cm2 > LARGEST_CM2 else label
