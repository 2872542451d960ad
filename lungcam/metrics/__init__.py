"""Figures with their rule, interval and baseline. Plain numpy and scipy."""

from lungcam.metrics.auc import INTERVAL_RULE, auc, auc_interval, newcombe_interval, weighted_auc
from lungcam.metrics.average_precision import (
    PR_AUC_RULE,
    average_precision,
    average_precision_interval,
)
from lungcam.metrics.averages import AVERAGES_RULE, mean_interval, median, median_interval
from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.concordance import CONCORDANCE_RULE, concordance, concordance_interval
from lungcam.metrics.follow_up import DAYS_A_YEAR, follow_up, observed_risk
from lungcam.metrics.froc import FROC_RULE, RATES, Froc, froc, random_sensitivity
from lungcam.metrics.marks import Marks, match
from lungcam.metrics.paired import PAIRED_RULE, Paired, paired_difference
from lungcam.metrics.platt import CALIBRATION_RULE, Calibration, fit_platt
from lungcam.metrics.pooled import POOLED_RULE, Scored, pool_folds, pool_seeds
from lungcam.metrics.resampling import bootstrap
from lungcam.metrics.risk import RISK_RULES, risk_summary
from lungcam.metrics.sensitivity import SENSITIVITY_RULE, sensitivity_at, sensitivity_interval
from lungcam.metrics.summary import summarise
from lungcam.metrics.threshold import at_threshold, youden_threshold
from lungcam.metrics.yearly_auc import year_rows, yearly_auc, yearly_baselines
from lungcam.metrics.yearly_calibration import calibration_by_group, calibration_by_year
from lungcam.metrics.yearly_platt import YEARLY_CALIBRATION_RULE, fit_yearly_platt

RULES = {
    "auc_ci95": INTERVAL_RULE,
    "pr_auc": PR_AUC_RULE,
    "sensitivity_at": SENSITIVITY_RULE,
    "against_baselines": PAIRED_RULE,
}

__all__ = [
    "AVERAGES_RULE",
    "CALIBRATION_RULE",
    "CONCORDANCE_RULE",
    "DAYS_A_YEAR",
    "FROC_RULE",
    "INTERVAL_RULE",
    "PAIRED_RULE",
    "POOLED_RULE",
    "PR_AUC_RULE",
    "RATES",
    "RISK_RULES",
    "RULES",
    "SENSITIVITY_RULE",
    "YEARLY_CALIBRATION_RULE",
    "Calibration",
    "Froc",
    "Marks",
    "Paired",
    "Scored",
    "at_threshold",
    "auc",
    "auc_interval",
    "average_precision",
    "average_precision_interval",
    "bootstrap",
    "brier",
    "calibration_by_group",
    "calibration_by_year",
    "concordance",
    "concordance_interval",
    "expected_calibration_error",
    "fit_platt",
    "fit_yearly_platt",
    "follow_up",
    "froc",
    "match",
    "mean_interval",
    "median",
    "median_interval",
    "newcombe_interval",
    "observed_risk",
    "paired_difference",
    "pool_folds",
    "pool_seeds",
    "random_sensitivity",
    "risk_summary",
    "sensitivity_at",
    "sensitivity_interval",
    "summarise",
    "weighted_auc",
    "year_rows",
    "yearly_auc",
    "yearly_baselines",
    "youden_threshold",
]
