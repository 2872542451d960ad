"""Explanations: where the evidence lies in the scanner's space, and whether that is the lesion."""

from lungcam.explain.baselines import brightness, lung_centers
from lungcam.explain.features import Features, features
from lungcam.explain.geometry import cell_grid
from lungcam.explain.grad_cam import grad_cam
from lungcam.explain.heatmap import Explainer, HeatMap, explain
from lungcam.explain.layers import find_layer, map_layers
from lungcam.explain.lesion import Lesion, ball_share, finer, masked_lesion
from lungcam.explain.localisation import HIT_MARGIN_MM, is_hit, peak_mm, random_hit_share
from lungcam.explain.measures import (
    MAP_FIGURES,
    POINT_FIGURES,
    measure_chance,
    measure_map,
    measure_point,
)
from lungcam.explain.methods import EVIDENCE, METHODS, check_evidence, check_method, method_name
from lungcam.explain.overlap import LEVELS, energy_inside, overlap
from lungcam.explain.peaks import APART_MM, MOST, peaks

__all__ = [
    "APART_MM",
    "EVIDENCE",
    "HIT_MARGIN_MM",
    "LEVELS",
    "MAP_FIGURES",
    "METHODS",
    "MOST",
    "POINT_FIGURES",
    "Explainer",
    "Features",
    "HeatMap",
    "Lesion",
    "ball_share",
    "brightness",
    "cell_grid",
    "check_evidence",
    "check_method",
    "energy_inside",
    "explain",
    "features",
    "find_layer",
    "finer",
    "grad_cam",
    "is_hit",
    "lung_centers",
    "map_layers",
    "masked_lesion",
    "measure_chance",
    "measure_map",
    "measure_point",
    "method_name",
    "overlap",
    "peak_mm",
    "peaks",
    "random_hit_share",
]
