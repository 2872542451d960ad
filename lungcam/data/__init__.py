"""From a cohort to batches: splits, preparation and its cache, the LightningDataModule."""

from lungcam.data.cache_key import content_stamp
from lungcam.data.dataset import Prepared, PreparedDataset
from lungcam.data.leakage import refuse_shared_scans
from lungcam.data.lesion_mask import read_lesion
from lungcam.data.manifest import read_manifest, write_manifest
from lungcam.data.pixel_hash import is_known, pixel_hash, series_hashes
from lungcam.data.prepare import Estimate, estimate, plan
from lungcam.data.prepared_sample import PreparedSample, prepare_sample
from lungcam.data.splits import (
    SplitRule,
    split_by_fold,
    split_by_patient,
    split_cohort,
    usable_samples,
)

__all__ = [
    "Estimate",
    "Prepared",
    "PreparedDataset",
    "PreparedSample",
    "SplitRule",
    "content_stamp",
    "estimate",
    "is_known",
    "pixel_hash",
    "plan",
    "prepare_sample",
    "read_lesion",
    "read_manifest",
    "refuse_shared_scans",
    "series_hashes",
    "split_by_fold",
    "split_by_patient",
    "split_cohort",
    "usable_samples",
    "write_manifest",
]
