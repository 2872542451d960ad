"""Explanations: where the evidence lies in the scanner's space, and whether that is the lesion."""

from lungcam.explain.features import Features, features
from lungcam.explain.geometry import cell_grid
from lungcam.explain.grad_cam import grad_cam
from lungcam.explain.heatmap import HeatMap, explain
from lungcam.explain.layers import find_layer, map_layers
from lungcam.explain.localisation import is_hit, peak_mm, random_hit_share
from lungcam.explain.methods import EVIDENCE, METHODS, check_evidence, check_method, method_name

__all__ = [
    "EVIDENCE",
    "METHODS",
    "Features",
    "HeatMap",
    "cell_grid",
    "check_evidence",
    "check_method",
    "explain",
    "features",
    "find_layer",
    "grad_cam",
    "is_hit",
    "map_layers",
    "method_name",
    "peak_mm",
    "random_hit_share",
]
