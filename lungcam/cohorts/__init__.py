"""Cohorts: each becomes one table of samples."""

from lungcam.cohorts.sample import Cohort, Sample

__all__ = ["Cohort", "Sample"]
