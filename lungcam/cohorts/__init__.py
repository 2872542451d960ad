"""Cohorts: each becomes one table of samples."""

from lungcam.cohorts.sample import Cohort, Sample, ScanNodule

__all__ = ["Cohort", "Sample", "ScanNodule"]
