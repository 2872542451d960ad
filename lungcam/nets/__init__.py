"""The project's own nets; MONAI's come by config."""

from lungcam.nets.nodule_net import NoduleNet
from lungcam.nets.reading import Reading, attribute_loss, outline_loss
from lungcam.nets.small3d import Small3D

__all__ = ["NoduleNet", "Reading", "Small3D", "attribute_loss", "outline_loss"]
