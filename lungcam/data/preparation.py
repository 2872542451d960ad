"""Prepare a cohort's inputs, in parallel, once."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.cache import cache_key, store
from lungcam.scans import read_scan
from lungcam.transforms import prepare
from lungcam.transforms.volumes import grid, volume


def prepare_cohort(
    samples: Sequence[Sample], transforms: tio.Compose, root: Path
) -> dict[str, Path]:
    """Prepare every sample that is not yet in the cache.

    Stopped halfway, it goes on where it was.

    Args:
        samples: The cohort's samples.
        transforms: From `lungcam.transforms.pipeline`.
        root: Folder of the cache.

    Returns:
        File of the prepared input by sample_id; see `prepare_sample`.

    Raises:
        InputError: A scan cannot be read or prepared.
    """
    files = {
        sample.sample_id: root / f"{cache_key(sample.image, repr(transforms))}.npz"
        for sample in tqdm(samples, desc="looking up scans", leave=False)
    }
    missing = [sample for sample in samples if not files[sample.sample_id].exists()]
    if not missing:
        return files
    workers = min(len(os.sched_getaffinity(0)), len(missing))
    # the server imports torch and torchio once; its children are forked from it and start at once
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        jobs = [
            pool.submit(prepare_sample, sample.image, transforms, files[sample.sample_id])
            for sample in missing
        ]
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), desc="preparing scans"):
                job.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return files


def prepare_sample(image: Path, transforms: tio.Compose, file: Path) -> None:
    """Prepare one scan and store `input`, `lungs` and `affine` of the network's grid."""
    subject = prepare(read_scan(image), transforms)
    arrays = {
        "input": volume(subject, "input"),
        "lungs": volume(subject, "input_lungs"),
        "affine": grid(subject, "input").affine,
    }
    store(file, arrays)
