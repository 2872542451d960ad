"""The verdict on scans, before anything is trained on them.

The verdict on a cohort, before anything is prepared or trained.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.table import write_samples
from lungcam.config.instantiate import check_targets, instantiate
from lungcam.config.schema import TrainConfig, check_nodes, plain, refuse_missing, register_schemas
from lungcam.data import SplitRule, estimate, plan, split_cohort
from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.lungs import MASKS
from lungcam.report import Thumbnail, write_sheet
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.runtime.versions import CONFIG_FOLDER
from lungcam.scans import check_scan, discover
from lungcam.transforms import HUThreshold, LungComponents, LungMask, pipeline, prepare, quality
from lungcam.transforms.pipeline import Quality

VIEWS = ("lungs", "nodule")


def check(
    paths: Sequence[Path],
    view: str = "lungs",
    *,
    mask: str = "cavity",
    series: str | None = None,
    out: Path | None = None,
) -> bool:
    """Print one line for each scan under some paths, and what was found in all.

    Args:
        paths: Volume files, DICOM folders, or folders of many.
        view: `lungs` asks for a whole chest and judges the lung mask; `nodule` takes crops.
        mask: The mask to judge; see `lungcam.lungs.mask_around`.
        series: SeriesInstanceUID, where one folder holds several.
        out: Folder for check.json, and masks.png where lungs are asked for.

    Returns:
        Whether every scan is usable.

    Raises:
        InputError: A path holds no scan, or a setting is wrong.
    """
    if mask not in MASKS:
        raise InputError(f"mask={mask}: choose {', '.join(MASKS)}.")
    if view not in VIEWS:
        raise InputError(f"view={view}: choose {' or '.join(VIEWS)}.")
    if series is not None:
        sources = list(paths)
    else:
        sources = [source.path for path in paths for source in discover(path)]
    jobs = [(source, view == "lungs", mask, series) for source in sources]
    checked = run_all(check_one, jobs, label="checking")
    for scan_check, _ in checked:
        print(f"{_word(scan_check):8} {scan_check.line}")
    bad = sum(not scan_check.usable for scan_check, _ in checked)
    flagged = sum(
        scan_check.usable and bool(scan_check.with_outcome("flagged")) for scan_check, _ in checked
    )
    print(f"{len(checked)} scan(s): {bad} refused, {flagged} to be looked at.")
    if out is not None:
        report = [
            scan_check.as_dict() | {"mask_quality": judged.figures or None}
            for scan_check, judged in checked
        ]
        write_text(out / "check.json", json.dumps(report, indent=2) + "\n")
        thumbnails = [
            Thumbnail(Path(scan_check.scan).name, judged.picture, [f.code for f in judged.findings])
            for scan_check, judged in checked
            if judged.picture is not None
        ]
        if thumbnails:
            write_sheet(out / "masks.png", thumbnails)
        print(f"results: {out}")
    return not bad


def check_one(
    source: Path, whole_chest: bool, mask: str, series: str | None
) -> tuple[ScanCheck, Quality]:
    """Read one scan and, of a whole chest, judge its mask."""
    scan_check, scan = check_scan(source, series, whole_chest=whole_chest)
    if scan is None or not whole_chest:
        return scan_check, Quality()
    steps = {
        "threshold": HUThreshold(),
        "components": LungComponents(),
        "mask": LungMask(kind=mask),
    }
    try:
        judged = quality(prepare(scan, pipeline(steps)))
    except InputError as error:
        told = str(error).removeprefix(f"{scan.source}: ").rstrip(".")
        scan_check.add("no_lungs", "refused", message=told)
        return scan_check, Quality()
    scan_check.findings.extend(judged.findings)
    return scan_check, judged


def _word(scan_check: ScanCheck) -> str:
    if not scan_check.usable:
        return "REFUSED"
    if scan_check.with_outcome("flagged"):
        return "LOOK"
    return "ok"


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
        write_samples(out / "samples.csv", cohort.samples, label_rule=cohort.label_rule)
        print(f"table of samples: {out / 'samples.csv'}")
    lesions, attributes = config["auxiliary"]["outline"] > 0, ()
    if config["auxiliary"]["attributes"] > 0:
        attributes = config["model"].get("attributes", ())
    splits, notes = split_cohort(
        replace(cohort, notes=()),  # told above
        transforms,
        split=SplitRule(**config["split"]),
        seed=config["seed"],
        lesions=lesions,
        attributes=attributes,
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
    planned = plan(here, transforms, root=root, lesions=lesions)
    if not planned.jobs:
        print(f"all inputs are prepared already in {root}.")
        return
    cost = estimate(planned.jobs, transforms, root=root)
    print(cost.sentence)
    cost.demand_room(root)


def _compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The nodes of conf/train.yaml that decide on a cohort, resolved."""
    if not CONFIG_FOLDER.is_dir():
        raise InputError(f"{CONFIG_FOLDER}: there is no such folder; install lungcam again.")
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
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
