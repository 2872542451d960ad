"""Check of a cohort before anything is prepared."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torchio as tio

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.compose import compose_cohort
from lungcam.cohorts.table import write_samples
from lungcam.config.instantiate import ANY, check_targets, instantiate
from lungcam.data import SplitRule, estimate, plan, split_cohort
from lungcam.errors import InputError
from lungcam.tasks import task_named
from lungcam.transforms import pipeline


def check_cohort(config: Mapping[str, Any], out: Path | None = None) -> None:
    """Print what `train.py` with the same settings would train on, and the cost.

    Args:
        config: Nodes of conf/train.yaml that determine a cohort, checked.
        out: Folder for samples.csv, the table of the cohort.

    Raises:
        InputError: The settings are wrong, or the cohort cannot be trained on.
    """
    check_targets(config, allowed=ANY)
    transforms = pipeline(
        {
            name: instantiate(node, f"transforms.{name}", allowed=ANY)
            for name, node in config["transforms"].items()
        }
    )
    cohort = task_named(config["task"], allowed=ANY).label(
        compose_cohort(config["data"], allowed=ANY)
    )
    _print_cohort(cohort)
    if out is not None:
        write_samples(out / "samples.csv", cohort.samples, label_rule=cohort.label_rule)
        print(f"table of samples: {out / 'samples.csv'}")
    splits = _split(cohort, transforms, config=config)
    samples = _existing(splits)
    _print_cost(samples, transforms, config=config)


def _split(
    cohort: Cohort, transforms: tio.Compose, *, config: Mapping[str, Any]
) -> dict[str, list[Sample]]:
    """Split the cohort as a training would, and print the sides."""
    auxiliary = config["auxiliary"]
    task = task_named(config["task"], allowed=ANY)
    splits, notes = split_cohort(
        # its notes are printed already
        replace(cohort, notes=()),
        transforms,
        split=SplitRule(**config["split"]),
        seed=config["seed"],
        lesions=auxiliary["outline"] > 0,
        attributes=config["model"].get("attributes", ()) if auxiliary["attributes"] > 0 else (),
        unlabelled=task.uses_unlabelled,
        strata_of=task.of(cohort).strata,
    )
    print("overlap: no series, study or file stands under two patients; voxels are compared later.")
    for note in notes:
        print(f"note: {note}.")
    for name, samples in splits.items():
        print(f"{name}: {_counts(samples, cohort.classes)}")
    return splits


def _existing(splits: Mapping[str, Sequence[Sample]]) -> list[Sample]:
    """Return the samples with an image, and print how many have none."""
    samples = [sample for side in splits.values() for sample in side]
    existing = [sample for sample in samples if sample.image.exists()]
    if not existing:
        first = splits["train"][0].image
        raise InputError(f"{first}: not one image of the cohort is there; check paths.")
    if len(existing) < len(samples):
        absent = next(sample for sample in samples if not sample.image.exists())
        print(
            f"note: {len(samples) - len(existing)} of {len(samples)} images are missing, "
            f"such as {absent.image}."
        )
    return existing


def _print_cost(
    samples: Sequence[Sample], transforms: tio.Compose, *, config: Mapping[str, Any]
) -> None:
    """Print disk space and time of the preparation, and refuse a disk that is too small."""
    root = Path(config["cache"]) / "inputs"
    planned = plan(samples, transforms, root=root, lesions=config["auxiliary"]["outline"] > 0)
    if not planned.jobs:
        print(f"all inputs are prepared already in {root}.")
        return
    cost = estimate(planned.jobs, transforms, root=root)
    print(cost.sentence)
    cost.demand_room(root)


def _print_cohort(cohort: Cohort) -> None:
    print(f"cohort: {_counts(cohort.samples, cohort.classes)}")
    print(f"label rule: {cohort.label_rule}")
    for note in cohort.notes:
        print(f"note: {note.rstrip('.')}.")


def _counts(samples: Sequence[Sample], classes: Sequence[str]) -> str:
    patients = len({sample.patient_id for sample in samples})
    names = list(enumerate(classes)) or [(1, "positive"), (0, "negative")]
    parts = [f"{sum(sample.label == label for sample in samples)} {name}" for label, name in names]
    unknown = sum(sample.label is None for sample in samples)
    counts = f"{len(samples)} samples of {patients} patients, {', '.join(parts)}"
    return counts + (f", {unknown} without a label" if unknown else "")
