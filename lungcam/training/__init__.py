"""Nets as Lightning wants them."""

from lungcam.training.classifier import Classifier
from lungcam.training.risk_classifier import RISK, RiskClassifier

__all__ = ["RISK", "Classifier", "RiskClassifier"]
