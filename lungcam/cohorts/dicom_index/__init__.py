"""The catalogue of a DICOM tree: which series lie where, by UID and never by folder name."""

from lungcam.cohorts.dicom_index.catalogue import catalogue, read_catalogue
from lungcam.cohorts.dicom_index.index import Catalogue
from lungcam.cohorts.dicom_index.tags import Series

__all__ = ["Catalogue", "Series", "catalogue", "read_catalogue"]
