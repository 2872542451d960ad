"""Lung masks in mm, and what the network is shown of them. Plain numpy."""

from lungcam.lungs.air import air
from lungcam.lungs.cavity import cavity
from lungcam.lungs.closing import close
from lungcam.lungs.components import lung_pockets
from lungcam.lungs.contrast import fade_walls
from lungcam.lungs.dilation import dilate
from lungcam.lungs.filling import fill_axial_slices
from lungcam.lungs.mask import MASKS, lung_mask, mask_around
from lungcam.lungs.normalise import zero_centre
from lungcam.lungs.quality import mask_findings, mask_quality
from lungcam.lungs.thumbnail import thumbnail
from lungcam.lungs.trachea import trachea
from lungcam.lungs.view import lung_grid, show_masked

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
