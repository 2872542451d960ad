"""Explanations: Grad-CAM, its place in the scanner's space, and whether it finds the lesion."""

from lungcam.explain.baselines import brightness, lung_centers
from lungcam.explain.geometry import cell_grid
from lungcam.explain.grad_cam import grad_cam
from lungcam.explain.heatmap import HeatMap, explain
from lungcam.explain.lesion import Lesion, ball_share, finer, masked_lesion
from lungcam.explain.localisation import HIT_MARGIN_MM, is_hit, peak_mm, random_hit_share
from lungcam.explain.measures import (
    MAP_FIGURES,
    POINT_FIGURES,
    measure_chance,
    measure_map,
    measure_point,
)
from lungcam.explain.overlap import LEVELS, energy_inside, overlap
from lungcam.explain.peaks import APART_MM, MOST, peaks

__all__ = [
    "APART_MM",
    "HIT_MARGIN_MM",
    "LEVELS",
    "MAP_FIGURES",
    "MOST",
    "POINT_FIGURES",
    "HeatMap",
    "Lesion",
    "ball_share",
    "brightness",
    "cell_grid",
    "energy_inside",
    "explain",
    "finer",
    "grad_cam",
    "is_hit",
    "lung_centers",
    "masked_lesion",
    "measure_chance",
    "measure_map",
    "measure_point",
    "overlap",
    "peak_mm",
    "peaks",
    "random_hit_share",
]
