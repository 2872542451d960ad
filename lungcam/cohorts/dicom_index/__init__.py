"""The catalogue of a DICOM tree: which series lie where, by UID and never by folder name."""

from lungcam.cohorts.catalogue.gather import Catalogue
from lungcam.cohorts.catalogue.series import Series
from lungcam.cohorts.catalogue.tree import catalogue, read_catalogue

__all__ = ["Catalogue", "Series", "catalogue", "read_catalogue"]
