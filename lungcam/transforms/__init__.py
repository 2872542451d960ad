"""TorchIO transforms from a scan to the network's input, thin adapters over `lungcam.lungs`."""

from lungcam.transforms.background import background
from lungcam.transforms.center import is_crop, place_center
from lungcam.transforms.components import LungComponents
from lungcam.transforms.contrast import WallContrast
from lungcam.transforms.flips import RandomFlips
from lungcam.transforms.mask import LungMask
from lungcam.transforms.nodule import NoduleView
from lungcam.transforms.poses import RandomPoses
from lungcam.transforms.prepare import pipeline, prepare
from lungcam.transforms.quality import Quality, quality, shows_whole_chest
from lungcam.transforms.threshold import HUThreshold
from lungcam.transforms.view import LungView
from lungcam.transforms.window import HUWindow
from lungcam.transforms.zero_centre import ZeroCentre

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
    "pipeline",
    "place_center",
    "prepare",
    "quality",
    "shows_whole_chest",
]
