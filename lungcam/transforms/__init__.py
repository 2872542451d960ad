"""TorchIO transforms from a scan to the network's input, thin adapters over `lungcam.lungs`."""

from lungcam.transforms.components import LungComponents
from lungcam.transforms.dilation import LungDilation
from lungcam.transforms.prepare import pipeline, prepare
from lungcam.transforms.threshold import HUThreshold
from lungcam.transforms.view import LungView
from lungcam.transforms.zero_centre import ZeroCentre

__all__ = [
    "HUThreshold",
    "LungComponents",
    "LungDilation",
    "LungView",
    "ZeroCentre",
    "pipeline",
    "prepare",
]
