"""lungcam in a notebook: a scan, a trained net, and its prediction with the heat-map."""

from lungcam.api.prediction import Candidate, Prediction
from lungcam.api.run import Run
from lungcam.api.scan import CTScan, read_scan
from lungcam.api.trained_net import TrainedNet, load

__all__ = ["CTScan", "Candidate", "Prediction", "Run", "TrainedNet", "load", "read_scan"]
