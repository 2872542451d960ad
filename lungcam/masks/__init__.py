"""Masks from other programs as input: of lesions and of lungs, on any grid of the scan's space.

DICOM SEG and RTSTRUCT, NIfTI, NRRD and MetaImage are read by their own geometry, checked against
the scan, and resampled onto its grid.
"""

from lungcam.masks.lesions import read_lesion_mask
from lungcam.masks.lungs import GivenLungs, read_lungs
from lungcam.masks.mask import Mask, MaskFault, mask_on
from lungcam.masks.read import read_mask

__all__ = [
    "GivenLungs",
    "Mask",
    "MaskFault",
    "mask_on",
    "read_lesion_mask",
    "read_lungs",
    "read_mask",
]
