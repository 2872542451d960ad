"""Nets of this project; MONAI's are chosen by config."""

from lungcam.nets.batch_norms import fold_batch_norms
from lungcam.nets.detector_net import DetectorNet
from lungcam.nets.ensemble_net import EnsembleNet
from lungcam.nets.hazard_head import HazardHead, add_hazards, every_year, hazard_head, one_year
from lungcam.nets.head import add_classes, class_head
from lungcam.nets.logit_net import ClassNet, LogitNet, NumberNet, YearlyLogitNet
from lungcam.nets.lung_net import LungNet
from lungcam.nets.nodule_net import NoduleNet
from lungcam.nets.output import NetOutput, attribute_loss, location_loss, outline_loss
from lungcam.nets.small3d import Small3D

__all__ = [
    "ClassNet",
    "DetectorNet",
    "EnsembleNet",
    "HazardHead",
    "LogitNet",
    "LungNet",
    "NetOutput",
    "NoduleNet",
    "NumberNet",
    "Small3D",
    "YearlyLogitNet",
    "add_classes",
    "add_hazards",
    "attribute_loss",
    "class_head",
    "every_year",
    "fold_batch_norms",
    "hazard_head",
    "location_loss",
    "one_year",
    "outline_loss",
]
