"""Cohort with cached inputs and no scans."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lungcam.cohorts import Cohort, Sample
from lungcam.data import SplitRule, plan
from lungcam.data.cache_entry import write_entry
from lungcam.data.cache_key import code_version
from lungcam.data.datamodule import ScanDataModule
from lungcam.transforms import NoduleView, pipeline


def cached_cohort(
    root: Path,
    shape: Sequence[int],
    count: int,
    split: SplitRule,
    batch: int,
    workers: int = 0,
) -> ScanDataModule:
    """Fill a cache with noise for scans that are never read, and return a module that uses it.

    Args:
        root: Folder for the cache and for the scans' files, which hold only their number.
        shape: Shape of the inputs, `(W, H, D)`.
        count: Number of samples.
        split: Split of the samples.
        batch: Samples per batch.
        workers: Processes that load batches.
    """
    folder = root / "scans"
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"{i}.nii.gz").write_text(str(i))
    samples = [
        Sample(
            sample_id=f"{i}",
            patient_id=f"{i}",
            image=folder / f"{i}.nii.gz",
            label=i % 2,
            label_source="drawn",
        )
        for i in range(count)
    ]
    transforms = pipeline({"view": NoduleView(shape=tuple(shape))})
    files = plan(samples, transforms, root=root / "inputs").files
    noise = np.random.default_rng(0)
    tensors = noise.standard_normal((min(count, 512), *shape), np.float32)

    def fill(i: int) -> None:
        facts = {
            "affine": np.eye(4).tolist(),
            "quality": {},
            "traits": {},
            "findings": [],
            "pixels": f"{i:032x}",
            "study_uid": "",
            "series_uid": "",
            "extent_mm": [32.0, 32.0, 32.0],
            "code": code_version(),
        }
        shown = {"input": tensors[i % len(tensors)], "lungs": np.ones(shape, bool)}
        write_entry(files[samples[i].sample_id], facts, arrays=shown)

    # most of the time is spent waiting for the disk
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(fill, range(count)))
    return ScanDataModule(
        Cohort(samples, "drawn"),
        transforms,
        cache=root / "inputs",
        split=split,
        batch_size=batch,
        workers=workers,
        seed=0,
    )
