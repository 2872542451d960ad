"""LUNA16: 888 scans of LIDC-IDRI as .mhd, with official folds, nodules and candidates."""

from lungcam.cohorts.luna16.cohort import luna16_cohort
from lungcam.cohorts.luna16.folder import read_grid
from lungcam.cohorts.luna16.matching import hits

__all__ = ["hits", "luna16_cohort", "read_grid"]
