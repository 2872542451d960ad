"""Cohort of phantoms on disk: made once and reused."""

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
from lungcam.phantom.phantom import check_settings, make_phantom
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.scans import write_volume

# raise it whenever the same seed gives other voxels, so that older files are not reused
VERSION = 2
BLOCK = ("malignant", "malignant", "benign", "healthy")


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A phantom to make: its place on disk and everything that decides its voxels."""

    folder: Path
    sample_id: str
    seed: int
    kind: str
    difficulty: float
    matrix: int

    @property
    def image(self) -> Path:
        return self.folder / f"{self.sample_id}.nii.gz"

    @property
    def nodule(self) -> Path:
        return self.folder / f"{self.sample_id}_nodule.nii.gz"

    @property
    def truth(self) -> Path:
        """Written last: a phantom with this file is complete."""
        return self.folder / f"{self.sample_id}.json"


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

    Sample i depends on the seed and on i alone, so a larger cohort extends a smaller one. In every
    four samples two are malignant, one is benign and one healthy.

    Args:
        root: Folder for the files; each combination of seed, difficulty and matrix has a subfolder.
        n: Number of phantoms, 4 or more.
        seed: Integer from 0; another seed gives another cohort.
        difficulty: From 0 (easy) to 1 (hard), see `make_phantom`.
        matrix: Rows and columns of a slice, 64 or more.
        workers: Number of processes; None for as many as there are processors, 1 to work in this
            process.

    Returns:
        n samples, each of a different person.

    Raises:
        InputError: A setting is out of range or `root` cannot be written.
    """
    check_settings(difficulty, matrix)
    if n < 4:
        raise InputError(f"The phantom cohort's n is {n}; set it to 4 or more, so all kinds occur.")
    if seed < 0:
        raise InputError(f"The phantom cohort's seed is {seed}; set it to 0 or more.")
    if workers is not None and workers < 1:
        raise InputError(f"The phantom cohort's workers is {workers}; set it to 1 or more.")
    folder = Path(root) / cohort_key(seed, difficulty, matrix=matrix)
    jobs = [
        _Job(
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
        missing = [(job,) for job in jobs if not job.truth.exists()]
        run_all(_make, missing, label="phantoms", workers=workers)
    except OSError as error:
        raise InputError(
            f"The phantoms' folder {folder} cannot be written ({error.strerror or error}); "
            "name one where you may write and the disk has room."
        ) from error
    return Cohort(
        [_sample(job) for job in jobs], _label_rule(difficulty), name="phantoms", synthetic=True
    )


def cohort_key(seed: int, difficulty: float, *, matrix: int) -> str:
    """Return the name of the folder that phantoms of these settings share, for any n."""
    settings = json.dumps([VERSION, seed, float(difficulty), matrix])
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def phantom_kinds(seed: int) -> Iterator[str]:
    """Yield kinds without end, balanced in every block of four."""
    block = 0
    while True:
        rng = np.random.default_rng(np.random.SeedSequence([seed, block, 4]))
        yield from (BLOCK[i] for i in rng.permutation(len(BLOCK)))
        block += 1


def phantom_seed(seed: int, i: int) -> int:
    """Return the seed of sample i, far from those of its neighbours and of other cohorts."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])


def _make(job: _Job) -> None:
    """Make a phantom and write its scan, its nodule and its truth."""
    phantom = make_phantom(job.seed, job.kind, difficulty=job.difficulty, matrix=job.matrix)
    grid = Grid(phantom.hu.shape, phantom.affine)
    write_volume(job.image, phantom.hu, grid=grid)
    if phantom.center_mm is not None:
        write_volume(job.nodule, phantom.nodule, grid=grid)
    truth = {
        "kind": phantom.kind,
        "seed": job.seed,
        "center_mm": phantom.center_mm,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
    }
    write_text(job.truth, json.dumps(truth, indent=1) + "\n")


def _sample(job: _Job) -> Sample:
    """Return the sample of a phantom on disk."""
    truth = json.loads(job.truth.read_text())
    center = truth["center_mm"]
    return Sample(
        sample_id=job.sample_id,
        patient_id=job.sample_id.replace("phantom", "person"),
        image=job.image,
        label=int(job.kind == "malignant"),
        label_source=f"phantom of seed {job.seed}, drawn as {job.kind}",
        center_mm=None if center is None else tuple(center),
        diameter_mm=truth["diameter_mm"],
        lesion_mask=None if center is None else job.nodule,
        lesion_checked=True,
    )


def _label_rule(difficulty: float) -> str:
    (_, benign_most), (malignant_least, malignant_most) = size_ranges(difficulty)
    return (
        f"label 1: a malignant phantom nodule ({malignant_least:.0f}-{malignant_most:.0f} mm, "
        f"spiculated) is present; 0: a benign one (4-{benign_most:.0f} mm, smooth) or none"
    )
