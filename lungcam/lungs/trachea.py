"""The trachea, which a threshold cannot tell from the lungs."""

import cc3d
import numpy as np

from lungcam.lungs.body import body_middle
from lungcam.lungs.box import bounding_box
from lungcam.lungs.layout import as_laid_out, in_memory_order

# of its cross-section in adults
SMALLEST_CM2, LARGEST_CM2 = 0.4, 9.0
FURTHEST_FROM_MIDDLE_MM = 35.0
# it widens below the larynx; later a jump means that it has joined the lungs
USUAL_CM2, MOST_GROWTH = 4.0, 1.8
SHORTEST_MM = 15.0
# gas, with what its wall takes of it in thick slices
LUMEN_HU = -900


def trachea(
    lungs: np.ndarray, hu: np.ndarray, spacing_mm: tuple[float, float, float]
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
            pieces_of[k] = as_laid_out(labels, layer)
        return pieces_of[k]

    for start in range(slices.stop - 1, slices.start - 1, -1):
        label = _beginning(pieces(start), hu[*box, start], middle, spacing_mm, pixel_cm2)
        if label:
            break
    else:
        return found
    # above it the larynx, of any shape, is no lung either
    for way in (range(start + 1, slices.stop), range(start - 1, slices.start - 1, -1)):
        last = found[*box, start] = pieces(start) == label
        for k in way:
            following = _continuation(pieces(k), last, pixel_cm2)
            if not following:
                break
            last = found[*box, k] = pieces(k) == following
    height_mm = found.any(axis=(0, 1)).sum() * spacing_mm[2]
    return found if height_mm >= SHORTEST_MM else np.zeros_like(lungs)


def _beginning(
    pieces: np.ndarray,
    hu: np.ndarray,
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


def _continuation(pieces: np.ndarray, last: np.ndarray, pixel_cm2: float) -> int:
    """Label of the piece next to the last one, or 0 where it has joined the lungs."""
    overlap = np.bincount(pieces[last], minlength=1)
    overlap[0] = 0
    label = int(np.argmax(overlap))
    if not overlap[label]:
        return 0
    area = int((pieces == label).sum())
    grown = area > MOST_GROWTH * last.sum() and area * pixel_cm2 > USUAL_CM2
    return 0 if grown or area * pixel_cm2 > LARGEST_CM2 else label
