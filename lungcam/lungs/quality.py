"""Quality of a lung mask: figures and findings."""

import cc3d
import numpy as np

from lungcam.findings import Finding
from lungcam.lungs.morphology import bounding_box, in_memory_order
from lungcam.lungs.segment import body_middle, coarse_grid, frame_columns

# volume of both lungs in adults, from full expiration to hyperinflation
USUAL_ML = (1000.0, 10000.0)
# the heart makes the left lung the smaller of the two
USUAL_LEFT_SHARE = (0.3, 0.7)
# the tip of a recess may end in the first slice
LARGEST_CUT_CM2 = 10.0
SMALLEST_PIECE_ML = 1.0
MOST_PIECES = 6
LARGEST_MASK_RATIO = 3.0


def mask_quality(
    hu: np.ndarray, lungs: np.ndarray, *, mask: np.ndarray, spacing_mm: tuple[float, float, float]
) -> dict[str, float | int | bool]:
    """Measure the lungs and the mask around them.

    Args:
        hu: `(W, H, D)` HU in RAS+ order.
        lungs: `(W, H, D)` bool, not empty.
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `lungs_ml`, `mask_ml`, `left_share` (share of the lungs' volume to the patient's left of the
        body's middle), `pieces` (of at least 1 mL), `cut_sides_cm2` (area in which the lungs touch
        the sides of the volume or the padding around a circular field of view), `cut_top_cm2`,
        `cut_bottom_cm2` (area in the last and first slice) and `touches_border` (any of these).
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    box = bounding_box(lungs)
    inside = lungs[box]
    count = _count(inside)
    steps, every = coarse_grid(spacing_mm)
    sampled = np.ascontiguousarray(in_memory_order(inside[every]))
    pieces = cc3d.connected_components(sampled, connectivity=6)
    sizes_ml = np.bincount(pieces.ravel())[1:] * voxel_ml * np.prod(steps)
    middle = body_middle(hu[every[0], every[1]], box[2]) * steps[0]
    slice_cm2 = spacing_mm[0] * spacing_mm[1] / 100
    # the face of a voxel towards the frame, as the mean of its two side faces
    side_cm2 = (spacing_mm[0] + spacing_mm[1]) / 2 * spacing_mm[2] / 100
    frame = frame_columns(hu)[box[:2]][:, :, None]
    at_sides = in_memory_order(inside) & in_memory_order(frame, like=inside)
    cut = {
        "cut_sides_cm2": int(np.count_nonzero(at_sides)) * side_cm2,
        "cut_top_cm2": _count(lungs[:, :, -1]) * slice_cm2,
        "cut_bottom_cm2": _count(lungs[:, :, 0]) * slice_cm2,
    }
    return {
        "lungs_ml": round(float(count) * voxel_ml, 1),
        "mask_ml": round(float(_count(mask)) * voxel_ml, 1),
        # in RAS+ order the first axis runs to the patient's right
        "left_share": round(_count(lungs[:middle]) / count, 3),
        "pieces": int((sizes_ml >= SMALLEST_PIECE_ML).sum()),
        **{name: round(float(area), 1) for name, area in cut.items()},
        "touches_border": bool(any(cut.values())),
    }


def _count(mask: np.ndarray) -> int:
    return int(np.count_nonzero(in_memory_order(mask)))


def mask_findings(quality: dict[str, float | int | bool]) -> list[Finding]:
    """Flag unusual figures of a mask, so that a person looks at it.

    Args:
        quality: Figures from `mask_quality`.

    Returns:
        Findings that flag but never refuse: the limits are those of usual adults.
    """
    ml, share = quality["lungs_ml"], quality["left_share"]
    messages = {}
    if not USUAL_LEFT_SHARE[0] <= share <= USUAL_LEFT_SHARE[1]:
        side = "left" if share < 0.5 else "right"
        messages["one_sided"] = (
            f"little air on the {side} ({share:.0%} of the lungs lie on the left)"
        )
    if ml < USUAL_ML[0]:
        messages["small_lungs"] = f"the lungs hold only {ml:.0f} mL of air"
    if ml > USUAL_ML[1]:
        messages["large_lungs"] = f"the lungs hold {ml:.0f} mL, more than an adult's"
    for side, place in (("sides", "at the sides"), ("top", "at the top"), ("bottom", "below")):
        area = quality[f"cut_{side}_cm2"]
        if area >= LARGEST_CUT_CM2:
            messages[f"cut_{side}"] = f"the field of view cuts the lungs {place} ({area:.0f} cm²)"
    if quality["pieces"] > MOST_PIECES:
        messages["many_pieces"] = f"the lungs are in {quality['pieces']} pieces"
    if quality["mask_ml"] > LARGEST_MASK_RATIO * ml:
        ratio = quality["mask_ml"] / ml
        messages["large_mask"] = f"the mask is {ratio:.1f} times the lungs"
    return [
        Finding(code=code, outcome="flagged", message=message, remedy="look at the lung mask")
        for code, message in messages.items()
    ]
