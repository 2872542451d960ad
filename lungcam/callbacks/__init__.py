"""Lightning callbacks: thin adapters that act while the net trains or predicts."""

from lungcam.callbacks.heatmap_export import HeatmapExport
from lungcam.callbacks.learning_curves import LearningCurves, read_curves
from lungcam.callbacks.logistic_refit import LogisticRefit
from lungcam.callbacks.resume import EpochSeed, LastCheckpoint, is_trained

__all__ = [
    "EpochSeed",
    "HeatmapExport",
    "LastCheckpoint",
    "LearningCurves",
    "LogisticRefit",
    "is_trained",
    "read_curves",
]
