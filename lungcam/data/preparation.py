"""Prepare a cohort's inputs, in parallel, once."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts.sample import Sample
from lungcam.data.cache import cache_key, store
from lungcam.pool import run_all
from lungcam.scans import read_scan
from lungcam.transforms import prepare, quality, shows_whole_chest
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
        sample.sample_id: root
        / f"{cache_key(sample.image, sample.center_mm, repr(transforms))}.npz"
        for sample in tqdm(samples, desc="looking up scans", leave=False)
    }
    missing = [sample for sample in samples if not files[sample.sample_id].exists()]
    jobs = [
        (sample.image, sample.center_mm, transforms, files[sample.sample_id]) for sample in missing
    ]
    run_all(prepare_sample, jobs, "preparing scans")
    return files


def prepare_sample(
    image: Path, center_mm: Sequence[float] | None, transforms: tio.Compose, file: Path
) -> None:
    """Prepare one scan and store it.

    Stored are `input`, `lungs` and `affine` of the network's grid; `quality`, the figures of the
    mask, and `findings` of the scan and of the mask, both as JSON; and `picture`, its thumbnail.
    """
    scan = read_scan(image, whole_chest=shows_whole_chest(transforms))
    subject = prepare(scan, transforms, center_mm)
    judged = quality(subject)
    findings = [asdict(one) for one in (*scan.verdict.findings, *judged.findings)]
    arrays = {
        "input": volume(subject, "input"),
        "lungs": volume(subject, "input_lungs"),
        "affine": grid(subject, "input").affine,
        "quality": np.array(json.dumps(judged.figures)),
        "findings": np.array(json.dumps(findings)),
    }
    if judged.picture is not None:
        arrays["picture"] = judged.picture
    store(file, arrays)
