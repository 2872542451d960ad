"""Prepare a cohort's inputs, in parallel, once."""

from collections.abc import Sequence
from pathlib import Path

import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.cache import cache_key, store
from lungcam.pool import run_all
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
    jobs = [(sample.image, transforms, files[sample.sample_id]) for sample in missing]
    run_all(prepare_sample, jobs, "preparing scans")
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
