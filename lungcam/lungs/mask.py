"""What the network may see of a scan: the three named masks."""

import numpy as np

from lungcam.lungs.air import air
from lungcam.lungs.cavity import cavity
from lungcam.lungs.closing import BAY_MM, close
from lungcam.lungs.components import lung_pockets
from lungcam.lungs.dilation import dilate
from lungcam.lungs.filling import fill_axial_slices
from lungcam.lungs.trachea import trachea

MASKS = ("recipe", "closed", "cavity")
SLAB_MM = 10.0


def mask_around(
    lungs: np.ndarray,
    airway: np.ndarray,
    spacing_mm: tuple[float, float, float],
    kind: str = "cavity",
    margin_mm: float = 4.0,
) -> np.ndarray:
    """Make one of the named masks from the lungs.

    `recipe`: the lungs and the trachea, filled in each axial slice and dilated. `closed`: the same,
    after a closing with a ball of 20 mm that brings lesions at the wall back. `cavity`: the hull of
    both lungs, slice by slice, with what lies between them.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, not empty.
        airway: `(W, H, D)` bool, the trachea; `cavity` leaves out what of it lies above the lungs.
        spacing_mm: Voxel spacing in mm.
        kind: One of `MASKS`.
        margin_mm: Width of the margin in mm.

    Returns:
        `(W, H, D)` bool; it holds `lungs`.

    Raises:
        ValueError: There is no such mask.
    """
    if kind not in MASKS:
        raise ValueError(f"lungs.mask={kind}: choose {', '.join(MASKS)}.")
    if kind == "cavity":
        return cavity(lungs, spacing_mm, margin_mm, SLAB_MM)
    mask = fill_axial_slices(lungs | airway, spacing_mm)
    if kind == "closed":
        mask = close(mask, spacing_mm, BAY_MM)
    return dilate(mask, spacing_mm, margin_mm)


def lung_mask(
    hu: np.ndarray,
    spacing_mm: tuple[float, float, float],
    kind: str = "cavity",
    threshold: float = -350,
    margin_mm: float = 4.0,
) -> np.ndarray:
    """Make one of the named masks from a scan.

    Args:
        hu: `(W, H, D)` volume in HU, in RAS+ order.
        spacing_mm: Voxel spacing in mm, in the same order.
        kind: `recipe`, `closed` or `cavity`; see `mask_around`.
        threshold: Air lies below, in HU.
        margin_mm: Margin added around, in mm.

    Returns:
        `(W, H, D)` bool.

    Raises:
        ValueError: No lungs are found, or there is no such mask.
    """
    pockets = lung_pockets(air(hu, threshold), hu, spacing_mm)
    airway = trachea(pockets, hu, spacing_mm)
    return mask_around(pockets & ~airway, airway, spacing_mm, kind, margin_mm)
