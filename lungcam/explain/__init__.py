"""Explanations: Grad-CAM, its place in the scanner's space, and whether it finds the lesion."""

from lungcam.explain.geometry import cell_grid
from lungcam.explain.grad_cam import grad_cam
from lungcam.explain.heatmap import HeatMap, explain
from lungcam.explain.localisation import is_hit, peak_mm, random_hit_share

__all__ = ["HeatMap", "cell_grid", "explain", "grad_cam", "is_hit", "peak_mm", "random_hit_share"]
