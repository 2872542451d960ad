"""Nets as Lightning wants them."""

from lungcam.classifier.classifier import Classifier
from lungcam.classifier.risk import RISK, RiskClassifier

__all__ = ["RISK", "Classifier", "RiskClassifier"]
