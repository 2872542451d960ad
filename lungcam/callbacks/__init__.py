"""Lightning callbacks: thin adapters that act while the trained net predicts."""

from lungcam.callbacks.export import HeatmapExport
from lungcam.callbacks.localisation import Localisation

__all__ = ["HeatmapExport", "Localisation"]
