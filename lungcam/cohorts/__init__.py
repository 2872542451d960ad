"""Cohorts: each reader turns a data set into one table of samples."""

from lungcam.cohorts.sample import Cohort, Quantity, Sample, ScanNodule

__all__ = ["Cohort", "Quantity", "Sample", "ScanNodule"]
