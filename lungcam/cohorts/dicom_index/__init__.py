"""Catalogue of the DICOM series below a folder, by UID and never by folder name."""

from lungcam.cohorts.dicom_index.catalogue import catalogue, read_catalogue
from lungcam.cohorts.dicom_index.series import Catalogue, Series

__all__ = ["Catalogue", "Series", "catalogue", "read_catalogue"]
