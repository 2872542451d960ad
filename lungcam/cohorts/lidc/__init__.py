"""LIDC-IDRI: annotations of up to four readers on 1,018 chest CT series, from DICOM and XML."""

from lungcam.cohorts.lidc.annotation import RATINGS, Annotation, Contour, Reading
from lungcam.cohorts.lidc.cohort import lidc_cohort
from lungcam.cohorts.lidc.labels import LabelRule
from lungcam.cohorts.lidc.nodule import Nodule, cluster
from lungcam.cohorts.lidc.readings import Readings, read_readings

__all__ = [
    "RATINGS",
    "Annotation",
    "Contour",
    "LabelRule",
    "Nodule",
    "Reading",
    "Readings",
    "cluster",
    "lidc_cohort",
    "read_readings",
]
