"""A cohort whose inputs are in the cache, without scans."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lungcam.cohorts import Cohort, Sample
from lungcam.data import ScanDataModule, SplitRule
from lungcam.data.content import content_hash
from lungcam.data.entry import store
from lungcam.data.key import cache_key, code_version, describe
from lungcam.data.preparation import SUFFIX
from lungcam.transforms import NoduleView, pipeline


def cached_cohort(
    root: Path, shape: Sequence[int], count: int, split: SplitRule, batch: int
) -> ScanDataModule:
    """Fill a cache with noise for scans that are never read, and give a module that will use it.

    Args:
        root: Folder for the cache and for the scans' files, which hold their number alone.
        shape: Of the inputs, `(W, H, D)`.
        count: Samples.
        split: How they are split.
        batch: Samples a batch.
    """
    folder = root / "scans"
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"{i}.nii.gz").write_text(str(i))
    samples = [Sample(f"{i}", f"{i}", folder / f"{i}.nii.gz", i % 2, "drawn") for i in range(count)]
    transforms = pipeline({"view": NoduleView(shape=tuple(shape))})
    told, noise = describe(transforms), np.random.default_rng(0)
    tensors = noise.standard_normal((min(count, 512), *shape), np.float32)

    def fill(i: int) -> None:
        key = cache_key(content_hash(samples[i].image), None, None, told)
        facts = {
            "affine": np.eye(4).tolist(),
            "quality": {},
            "findings": [],
            "pixels": f"{i:032x}",
            "study_uid": "",
            "series_uid": "",
            "extent_mm": [32.0, 32.0, 32.0],
            "code": code_version(),
        }
        shown = {"input": tensors[i % len(tensors)], "lungs": np.ones(shape, bool)}
        store(root / "inputs" / f"{key}{SUFFIX}", facts, shown)

    # to wait for the disk is what most of the time goes into
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(fill, range(count)))
    return ScanDataModule(
        Cohort(samples, "drawn"), transforms, root / "inputs", split, batch, workers=0, seed=0
    )
