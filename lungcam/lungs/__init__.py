"""Lung masks in mm, and what the network is shown of them. Plain numpy."""

from lungcam.lungs.air import air
from lungcam.lungs.components import lung_pockets
from lungcam.lungs.dilation import dilate
from lungcam.lungs.mask import lung_mask
from lungcam.lungs.normalise import zero_centre
from lungcam.lungs.quality import mask_quality
from lungcam.lungs.view import lung_grid, show_masked

__all__ = [
    "air",
    "dilate",
    "lung_grid",
    "lung_mask",
    "lung_pockets",
    "mask_quality",
    "show_masked",
    "zero_centre",
]
