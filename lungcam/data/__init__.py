"""From a cohort to batches: splits, preparation and its cache, the LightningDataModule."""

from lungcam.data.content import content_stamp
from lungcam.data.dataset import Prepared, PreparedDataset
from lungcam.data.estimate import Estimate, estimate
from lungcam.data.lesion import read_lesion
from lungcam.data.manifest import read_manifest, write_manifest
from lungcam.data.module import BatchAugmentation, ScanDataModule
from lungcam.data.overlap import refuse_shared_scans
from lungcam.data.pixels import pixel_hash
from lungcam.data.preparation import plan
from lungcam.data.splits import SplitRule, split_by_fold, split_by_patient
from lungcam.data.usable import split_cohort, usable_samples

__all__ = [
    "BatchAugmentation",
    "Estimate",
    "Prepared",
    "PreparedDataset",
    "ScanDataModule",
    "SplitRule",
    "content_stamp",
    "estimate",
    "pixel_hash",
    "plan",
    "read_lesion",
    "read_manifest",
    "refuse_shared_scans",
    "split_by_fold",
    "split_by_patient",
    "split_cohort",
    "usable_samples",
    "write_manifest",
]
