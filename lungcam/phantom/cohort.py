"""A cohort of phantoms on disk, made once and kept.

A phantom's files: scan, nodule and what is known of both.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.phantom.nodule import size_ranges
from lungcam.phantom.phantom import Phantom, check_settings, make_phantom
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.scans import write_volume


def write_phantom(phantom: Phantom, folder: Path, *, sample_id: str, seed: int) -> None:
    """Write a phantom into `folder`, each file whole or not at all, the JSON last.

    Args:
        phantom: The phantom.
        folder: An existing folder.
        sample_id: Stem of the files: `<id>.nii.gz`, `<id>_nodule.nii.gz` and `<id>.json`.
        seed: The seed it was made from, for the JSON.

    Raises:
        OSError: If the folder cannot be written.
    """
    grid = Grid(phantom.hu.shape, phantom.affine)
    write_volume(folder / f"{sample_id}.nii.gz", phantom.hu, grid=grid)
    if phantom.center_mm is not None:
        write_volume(folder / f"{sample_id}_nodule.nii.gz", phantom.nodule, grid=grid)
    truth = {
        "kind": phantom.kind,
        "seed": seed,
        "center_mm": phantom.center_mm,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
    }
    write_text(folder / f"{sample_id}.json", json.dumps(truth, indent=1) + "\n")


def read_truth(folder: Path, sample_id: str) -> dict | None:
    """What is known of a phantom on disk; None if it is not there or not whole."""
    try:
        return json.loads((folder / f"{sample_id}.json").read_text())
    except FileNotFoundError:
        return None


# to be raised whenever the same seed gives other voxels, so that old files are not taken for new
VERSION = 2
BLOCK = ("malignant", "malignant", "benign", "healthy")


@dataclass(frozen=True, kw_only=True)
class Order:
    """One phantom to make: where, and all that decides its voxels."""

    folder: Path
    sample_id: str
    seed: int
    kind: str
    difficulty: float
    matrix: int


def phantom_cohort(
    root: str | os.PathLike[str],
    n: int = 280,
    *,
    seed: int = 0,
    difficulty: float = 0.5,
    matrix: int = 192,
    workers: int | None = None,
) -> Cohort:
    """Make the phantoms that are missing under `root` and list them.

    Sample i depends on the seed and on i alone, so a larger cohort goes on from a smaller one. In
    every four samples two are malignant, one is benign and one healthy.

    Args:
        root: Folder for the files; each choice of seed, difficulty and matrix has its own in it.
        n: Phantoms in the cohort, 4 or more.
        seed: Any integer from 0 on; another seed is another cohort.
        difficulty: From 0 (easy) to 1 (hard), see `make_phantom`.
        matrix: Rows and columns of a slice, 64 or more.
        workers: Processes; None for as many as there are processors, 1 for none beside this one.

    Returns:
        n samples, each a person of its own.

    Raises:
        InputError: If a setting is out of range or `root` cannot be written.
    """
    check_settings(difficulty, matrix)
    if n < 4:
        raise InputError(f"The phantom cohort's n is {n}; set it to 4 or more, so all kinds occur.")
    if seed < 0:
        raise InputError(f"The phantom cohort's seed is {seed}; set it to 0 or more.")
    if workers is not None and workers < 1:
        raise InputError(f"The phantom cohort's workers is {workers}; set it to 1 or more.")
    folder = Path(root) / cohort_key(seed, difficulty, matrix=matrix)
    orders = [
        Order(
            folder=folder,
            sample_id=f"phantom-{i:04d}",
            seed=phantom_seed(seed, i),
            kind=kind,
            difficulty=difficulty,
            matrix=matrix,
        )
        for i, kind in zip(range(n), phantom_kinds(seed), strict=False)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [order for order in orders if read_truth(folder, order.sample_id) is None]
        run_all(_fulfil, [(order,) for order in missing], label="phantoms", workers=workers)
    except OSError as error:
        raise InputError(
            f"The phantoms' folder {folder} cannot be written ({error.strerror or error}); "
            "name one where you may write and the disk has room."
        ) from error
    (_, benign_most), (malignant_least, malignant_most) = size_ranges(difficulty)
    rule = (
        f"label 1: a malignant phantom nodule ({malignant_least:.0f}-{malignant_most:.0f} mm, "
        f"spiculated) is present; 0: a benign one (4-{benign_most:.0f} mm, smooth) or none"
    )
    return Cohort([_sample(order) for order in orders], rule)


def cohort_key(seed: int, difficulty: float, *, matrix: int) -> str:
    """Short name of the folder that phantoms of these settings share, whatever their number."""
    settings = json.dumps([VERSION, seed, float(difficulty), matrix])
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def phantom_kinds(seed: int) -> Iterator[str]:
    """Kinds without end, balanced in every block of four."""
    block = 0
    while True:
        rng = np.random.default_rng(np.random.SeedSequence([seed, block, 4]))
        yield from (BLOCK[i] for i in rng.permutation(len(BLOCK)))
        block += 1


def phantom_seed(seed: int, i: int) -> int:
    """Seed of sample i, far from those of its neighbours and of other cohorts."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])


def _fulfil(order: Order) -> None:
    """Make and write one phantom."""
    phantom = make_phantom(order.seed, order.kind, difficulty=order.difficulty, matrix=order.matrix)
    write_phantom(phantom, order.folder, sample_id=order.sample_id, seed=order.seed)


def _sample(order: Order) -> Sample:
    """The cohort's row for a phantom on disk."""
    truth = read_truth(order.folder, order.sample_id)
    center, stem = truth["center_mm"], order.folder / order.sample_id
    return Sample(
        sample_id=order.sample_id,
        patient_id=order.sample_id.replace("phantom", "person"),
        image=stem.with_name(f"{stem.name}.nii.gz"),
        label=int(order.kind == "malignant"),
        label_source=f"phantom of seed {order.seed}, drawn as {order.kind}",
        center_mm=None if center is None else tuple(center),
        diameter_mm=truth["diameter_mm"],
        lesion_mask=None if center is None else stem.with_name(f"{stem.name}_nodule.nii.gz"),
    )
