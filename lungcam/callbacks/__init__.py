"""Lightning callbacks: thin adapters that act while the net trains or predicts."""

from lungcam.callbacks.epoch_seed import EpochSeed
from lungcam.callbacks.export import HeatmapExport
from lungcam.callbacks.fit_judge import FitJudge
from lungcam.callbacks.last_checkpoint import LastCheckpoint, is_trained
from lungcam.callbacks.localisation import Localisation

__all__ = ["EpochSeed", "FitJudge", "HeatmapExport", "LastCheckpoint", "Localisation", "is_trained"]
