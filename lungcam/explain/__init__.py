"""Heat-maps of the evidence in the scanner's space, and measures of how well they mark a lesion."""

from lungcam.explain.cam import (
    EVIDENCE,
    METHODS,
    Features,
    check_evidence,
    check_method,
    features,
    grad_cam,
    method_name,
)
from lungcam.explain.ensemble import EnsembleExplainer, mean_map, spread_map
from lungcam.explain.heatmap import Explainer, HeatMap, explain
from lungcam.explain.lesion import Lesion, ball_share, masked_lesion, refined_grid
from lungcam.explain.localisation import (
    HIT_MARGIN_MM,
    LEVELS,
    MAP_METRICS,
    POINT_METRICS,
    brightness,
    energy_inside,
    is_hit,
    lung_centers,
    measure_chance,
    measure_map,
    measure_point,
    overlap,
    random_hit_share,
)
from lungcam.explain.peaks import MAX_PEAKS, MIN_PEAK_DISTANCE_MM, peak_mm, peaks
from lungcam.explain.receptive_field import cell_grid, find_layer, map_layers

__all__ = [
    "EVIDENCE",
    "HIT_MARGIN_MM",
    "LEVELS",
    "MAP_METRICS",
    "MAX_PEAKS",
    "METHODS",
    "MIN_PEAK_DISTANCE_MM",
    "POINT_METRICS",
    "EnsembleExplainer",
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
    "grad_cam",
    "is_hit",
    "lung_centers",
    "map_layers",
    "masked_lesion",
    "mean_map",
    "measure_chance",
    "measure_map",
    "measure_point",
    "method_name",
    "overlap",
    "peak_mm",
    "peaks",
    "random_hit_share",
    "refined_grid",
    "spread_map",
]
