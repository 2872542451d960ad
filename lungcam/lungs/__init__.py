"""Lung masks, their quality, and the view of the lungs for the network; plain numpy, in mm."""

from lungcam.lungs.mask import MASKS, cavity, close, lung_mask, mask_around
from lungcam.lungs.morphology import dilate, fill_axial_slices
from lungcam.lungs.quality import mask_findings, mask_quality
from lungcam.lungs.segment import air, lung_pockets, trachea
from lungcam.lungs.thumbnail import thumbnail
from lungcam.lungs.view import fade_walls, lung_grid, show_masked, zero_centre

__all__ = [
    "MASKS",
    "air",
    "cavity",
    "close",
    "dilate",
    "fade_walls",
    "fill_axial_slices",
    "lung_grid",
    "lung_mask",
    "lung_pockets",
    "mask_around",
    "mask_findings",
    "mask_quality",
    "show_masked",
    "thumbnail",
    "trachea",
    "zero_centre",
]
