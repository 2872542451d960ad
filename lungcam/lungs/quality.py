"""What a mask's figures say of it."""

import numpy as np


def mask_quality(
    lungs: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float]
) -> dict[str, float | bool]:
    """Measure the lungs and the mask around them.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order.
        mask: `(W, H, D)` bool.
        spacing_mm: Voxel spacing in mm.

    Returns:
        `lungs_ml`, `mask_ml`, `left_share` (of the lungs' volume on the left of their middle) and
        `touches_border` (the lungs reach a face of the volume, so part of them may be missing).
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    columns = lungs.sum(axis=(1, 2))
    filled = np.flatnonzero(columns)
    # in RAS+ order the first axis grows to the right
    middle = (filled[0] + filled[-1] + 1) // 2
    faces = (lungs[0], lungs[-1], lungs[:, 0], lungs[:, -1], lungs[:, :, 0], lungs[:, :, -1])
    return {
        "lungs_ml": round(float(columns.sum()) * voxel_ml, 1),
        "mask_ml": round(float(mask.sum()) * voxel_ml, 1),
        "left_share": round(float(columns[:middle].sum() / columns.sum()), 3),
        "touches_border": bool(any(face.any() for face in faces)),
    }
