"""Data of a detector: crops with a table of whole scans, or the whole scans of a cohort."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lungcam.cohorts import Sample
from lungcam.cohorts.table import read_samples
from lungcam.data import SplitRule, pixel_hash
from lungcam.data.strata import Strata
from lungcam.detection.crops import Crop, cut_crops, read_crop
from lungcam.detection.host import Host, hosts_of, make_host
from lungcam.detection.pyramid import Level, pyramid
from lungcam.errors import InputError
from lungcam.inference.prepare import segment_search_region
from lungcam.scans import Scan, read_scan

LEFT_OUT = "left out: {error}"
ONE_GROUP = Strata(("nodule",), lambda sample: 0)


@dataclass(frozen=True, eq=False)
class SearchedScan:
    """A whole scan that is searched at the end.

    Attributes:
        samples: Its lesions.
        levels: Its levels, made when they are asked for; none if it cannot be searched.
    """

    samples: Sequence[Sample]
    levels: Callable[[], list[Level]]


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectorData:
    """Samples to learn from, and samples to measure on.

    Attributes:
        splits: Samples by split; nothing is left in `val`: its samples are learnt from.
        crops: Crops to learn from.
        hosts_of: Whole scans of an epoch to learn from.
        tested: Crops of other patients.
        searched: Whole scans of other patients.
        whole: True if `searched` is a cohort's test split, with all its nodules.
        pixels: `pixel_hash` of the scans learnt from, which grows as they are read.
    """

    splits: Mapping[str, Sequence[Sample]]
    crops: Sequence[Crop]
    hosts_of: Callable[[int], Sequence[Host]]
    tested: Sequence[Sample]
    searched: Sequence[SearchedScan]
    whole: bool
    pixels: list[str] = field(default_factory=list)


def crops_and_table(nodes: Mapping[str, Any], samples: Sequence[Sample]) -> DetectorData:
    """Read crops with outlines, and the whole scans of `detection.scans`.

    Args:
        nodes: Plain configuration.
        samples: Samples of the crops.

    Raises:
        InputError: A scan or the table is at fault, or nothing is left to learn from.
    """
    lesions = _read_lesions(nodes["detection"])
    samples = [sample for sample in samples if sample.lesion_mask is not None]
    splits = _split(nodes, samples)
    tested = {sample.patient_id for sample in splits["test"]}
    left_out = set(nodes["detection"]["leave_out"])
    hosts: list[Host] = []
    searched, pixels = [], []
    for group in hosts_of(lesions):
        scan = read_scan(group[0].image, group[0].series)
        levels = _levels(scan)
        if left_out & {sample.sample_id for sample in group} or group[0].patient_id in tested:
            searched.append(SearchedScan(group, lambda levels=levels: levels))
            continue
        hosts.append(make_host(group, levels, slice_mm=max(scan.grid.spacing_mm)))
        pixels.append(pixel_hash(scan))
    if not hosts:
        raise InputError("detection.leave_out: no scan is left to learn from; leave out fewer.")
    kept_out = {scan.samples[0].patient_id for scan in searched}
    learnt = [sample for sample in splits["train"] if sample.patient_id not in kept_out]
    return DetectorData(
        splits=splits | {"train": learnt},
        crops=[read_crop(sample) for sample in learnt],
        hosts_of=lambda _: hosts,
        tested=splits["test"],
        searched=searched,
        whole=False,
        pixels=pixels,
    )


def whole_scans(nodes: Mapping[str, Any], samples: Sequence[Sample]) -> DetectorData:
    """Read the scans of a cohort for their nodules; an epoch's own are read again as it begins.

    Scans that cannot be read are left out, with a line each.

    Args:
        nodes: Plain configuration.
        samples: A sample for each scan, with its `nodules`.

    Raises:
        InputError: No nodule is left to learn from.
    """
    splits = _split(nodes, samples)
    crops, usable, pixels = [], [], []
    for sample in tqdm(splits["train"], desc="cutting nodules out"):
        try:
            scan = read_scan(sample.image, sample.series)
        except InputError as error:
            print(LEFT_OUT.format(error=error))
            continue
        crops += cut_crops(sample, scan)
        usable.append(sample)
        pixels.append(pixel_hash(scan))
    if not crops:
        raise InputError("task=detection: no nodule of the cohort's scans is left to learn from.")
    return DetectorData(
        splits=splits | {"train": usable},
        crops=crops,
        hosts_of=_Draw(usable, nodes["detection"]["drawn"], seed=nodes["seed"]),
        tested=[],
        searched=[
            SearchedScan([sample], lambda sample=sample: (_open(sample) or (None, []))[1])
            for sample in splits["test"]
        ],
        whole=True,
        pixels=pixels,
    )


class _Draw:
    """Whole scans of an epoch: all come in turn, in an order of their own each time.

    Args:
        samples: Samples of the scans.
        count: Scans an epoch.
        seed: Seed of the orders.
    """

    def __init__(self, samples: Sequence[Sample], count: int, *, seed: int):
        self.samples, self.count, self.seed = samples, min(count, len(samples)), seed

    def __call__(self, epoch: int) -> list[Host]:
        places = epoch * self.count + np.arange(self.count)
        chosen = [self._sample(int(k)) for k in places]
        hosts = []
        for sample in tqdm(chosen, desc="reading scans", leave=False):
            usable = _open(sample)
            if usable is not None:
                scan, levels = usable
                hosts.append(make_host([sample], levels, slice_mm=max(scan.grid.spacing_mm)))
        if not hosts:
            raise InputError("task=detection: of the scans of an epoch none has lungs to search.")
        return hosts

    def _sample(self, place: int) -> Sample:
        turn, index = divmod(place, len(self.samples))
        order = np.random.default_rng((self.seed, turn)).permutation(len(self.samples))
        return self.samples[int(order[index])]


def _open(sample: Sample) -> tuple[Scan, list[Level]] | None:
    """Return a scan and its levels; print a line if it cannot be read or has no lungs."""
    try:
        scan = read_scan(sample.image, sample.series)
        return scan, _levels(scan)
    except InputError as error:
        print(LEFT_OUT.format(error=error))
        return None


def _levels(scan: Scan) -> list[Level]:
    return pyramid(scan, segment_search_region(scan)["mask"])


def _split(nodes: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, Sequence[Sample]]:
    """Split samples by patient; those for the validation are learnt from, too."""
    splits, _ = SplitRule(**nodes["split"]).split(
        samples, nodes["seed"], strata_of=lambda _: ONE_GROUP
    )
    return splits | {"train": [*splits["train"], *splits["val"]], "val": []}


def _read_lesions(options: Mapping[str, Any]) -> list[Sample]:
    """Read the table of whole scans and their lesions.

    Raises:
        InputError: The table is at fault, or does not hold what is to be left out.
    """
    table = Path(options["scans"])
    samples, faults = read_samples(table, {})
    if faults:
        raise InputError(f"{table}: {faults[0].reason}")
    unknown = set(options["leave_out"]) - {sample.sample_id for sample in samples}
    if unknown:
        raise InputError(f"detection.leave_out: {table} has no sample_id {sorted(unknown)[0]}.")
    return samples
