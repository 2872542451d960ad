"""From a cohort to batches: splits, preparation and its cache, the LightningDataModule."""

from lungcam.data.dataset import Prepared, PreparedDataset
from lungcam.data.module import ScanDataModule
from lungcam.data.splits import split_by_patient, write_splits

__all__ = ["Prepared", "PreparedDataset", "ScanDataModule", "split_by_patient", "write_splits"]
