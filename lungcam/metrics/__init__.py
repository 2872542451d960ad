"""Figures with their rule, interval and baseline. Plain numpy."""

from lungcam.metrics.auc import INTERVAL_RULE, auc, auc_interval, newcombe_interval
from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.summary import summarise
from lungcam.metrics.threshold import at_threshold, youden_threshold

__all__ = [
    "INTERVAL_RULE",
    "at_threshold",
    "auc",
    "auc_interval",
    "brier",
    "expected_calibration_error",
    "newcombe_interval",
    "summarise",
    "youden_threshold",
]
