"""The verdict on a cohort, before anything is prepared or trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.table import write_samples
from lungcam.config import TrainConfig, check_nodes, plain, refuse_missing, register_schemas
from lungcam.data import SplitRule, estimate, plan, split_cohort
from lungcam.errors import InputError
from lungcam.installation import CONFIGS
from lungcam.targets import check_targets, instantiate
from lungcam.transforms import pipeline

NODES = ("data", "view", "lungs", "transforms", "model", "split", "auxiliary", "seed", "cache")


def check_cohort(overrides: Sequence[str], out: Path | None = None) -> None:
    """Print what `train.py` with the same settings would train on, and what that costs.

    Args:
        overrides: As for `train.py`, such as `data=lidc data.root=PATH view=nodule`.
        out: Folder for samples.csv, the cohort's table.

    Raises:
        InputError: The settings are wrong, or the cohort cannot be trained on.
        HydraException: The settings cannot be composed.
    """
    config = _compose(overrides)
    transforms = pipeline(
        {
            name: instantiate(node, f"transforms.{name}")
            for name, node in config["transforms"].items()
        }
    )
    cohort: Cohort = instantiate(config["data"], "data")
    _describe(cohort)
    if out is not None:
        write_samples(out / "samples.csv", cohort.samples, cohort.label_rule)
        print(f"table of samples: {out / 'samples.csv'}")
    lesions, attributes = config["auxiliary"]["outline"] > 0, ()
    if config["auxiliary"]["attributes"] > 0:
        attributes = config["model"].get("attributes", ())
    splits, notes = split_cohort(
        replace(cohort, notes=()),  # told above
        transforms,
        SplitRule(**config["split"]),
        config["seed"],
        lesions,
        attributes,
    )
    print("overlap: no series, study or file stands under two patients; voxels are compared later.")
    for note in notes:
        print(f"note: {note}.")
    for name, side in splits.items():
        print(f"{name}: {_count(side)}")
    here = [one for samples in splits.values() for one in samples if one.image.exists()]
    wanted = sum(map(len, splits.values()))
    if not here:
        first = splits["train"][0].image
        raise InputError(f"{first}: not one image of the cohort is there; check paths.")
    if len(here) < wanted:
        absent = next(one for side in splits.values() for one in side if not one.image.exists())
        print(f"note: {wanted - len(here)} of {wanted} images are missing, such as {absent.image}.")
    root = Path(config["cache"]) / "inputs"
    planned = plan(here, transforms, root, lesions)
    if not planned.jobs:
        print(f"all inputs are prepared already in {root}.")
        return
    cost = estimate(planned.jobs, transforms, root)
    print(cost.sentence)
    cost.demand_room(root)


def _compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The nodes of conf/train.yaml that decide on a cohort, resolved."""
    if not CONFIGS.is_dir():
        raise InputError(f"{CONFIGS}: there is no such folder; install lungcam again.")
    register_schemas()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        # what else stands there needs a running job to be resolved
        config = OmegaConf.masked_copy(compose("train", list(overrides)), NODES)
    refuse_missing(config)
    nodes = plain(config)
    check_nodes(nodes, TrainConfig)
    check_targets(nodes)
    return nodes


def _describe(cohort: Cohort) -> None:
    print(f"cohort: {_count(cohort.samples)}")
    print(f"label rule: {cohort.label_rule}")
    for note in cohort.notes:
        print(f"note: {note.rstrip('.')}.")


def _count(samples: Sequence[Sample]) -> str:
    patients = len({one.patient_id for one in samples})
    positive = sum(one.label == 1 for one in samples)
    negative = sum(one.label == 0 for one in samples)
    told = (
        f"{len(samples)} samples of {patients} patients, {positive} positive, {negative} negative"
    )
    unknown = len(samples) - positive - negative
    return told + (f", {unknown} without a label" if unknown else "")
