"""Nets of this project; MONAI's are chosen by config."""

from lungcam.nets.batch_norms import fold_batch_norms
from lungcam.nets.hazard_head import HazardHead, add_hazards, every_year, hazard_head, one_year
from lungcam.nets.logit_net import LogitNet, YearlyLogitNet
from lungcam.nets.lung_net import LungNet
from lungcam.nets.nodule_net import NoduleNet
from lungcam.nets.output import NetOutput, attribute_loss, location_loss, outline_loss
from lungcam.nets.small3d import Small3D

__all__ = [
    "HazardHead",
    "LogitNet",
    "LungNet",
    "NetOutput",
    "NoduleNet",
    "Small3D",
    "YearlyLogitNet",
    "add_hazards",
    "attribute_loss",
    "every_year",
    "fold_batch_norms",
    "hazard_head",
    "location_loss",
    "one_year",
    "outline_loss",
]
