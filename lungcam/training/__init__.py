"""Training: LightningModules, the Trainer and checkpoints."""

from lungcam.training.classifier import Classifier
from lungcam.training.risk_classifier import RiskClassifier

__all__ = ["Classifier", "RiskClassifier"]
