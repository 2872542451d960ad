"""TorchIO transforms from a scan to the network's input, thin adapters of `lungcam.lungs`."""

from lungcam.transforms.augmentation import RandomFlips, RandomPoses
from lungcam.transforms.intensity import HUWindow, WallContrast, ZeroCentre
from lungcam.transforms.lung_view import LungView
from lungcam.transforms.lungs import HUThreshold, LungComponents, LungMask
from lungcam.transforms.nodule_view import NoduleView, is_crop, place_center
from lungcam.transforms.pipeline import (
    Quality,
    background,
    mask_thumbnail,
    pipeline,
    prepare,
    quality,
    shows_whole_chest,
)

__all__ = [
    "HUThreshold",
    "HUWindow",
    "LungComponents",
    "LungMask",
    "LungView",
    "NoduleView",
    "Quality",
    "RandomFlips",
    "RandomPoses",
    "WallContrast",
    "ZeroCentre",
    "background",
    "is_crop",
    "mask_thumbnail",
    "pipeline",
    "place_center",
    "prepare",
    "quality",
    "shows_whole_chest",
]
