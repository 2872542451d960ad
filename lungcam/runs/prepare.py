"""Preparation of a part of a cohort for the cache, as one of several jobs."""

import re

from lungcam.cohorts.sample import Sample
from lungcam.data.datamodule import ScanDataModule
from lungcam.errors import InputError


def prepare_part(data: ScanDataModule, part: str) -> None:
    """Prepare the scans of one part, and train nothing.

    The parts divide the cohort, not the missing inputs, so that jobs that run at once or one after
    the other share no scan.

    Args:
        data: Data module before its `setup`.
        part: `K/N` for the Kth of N parts, counted from 1.

    Raises:
        InputError: There is no such part, or nothing of it can be prepared.
    """
    number, parts = parse_part(part)
    cohort = [sample for side in data.splits.values() for sample in side]
    samples = samples_of_part(cohort, number, parts=parts)
    prepared = data.prepare(samples)
    print(f"part {number} of {parts}: {len(prepared.files)} inputs are in the cache, {data.cache}.")
    if prepared.left_out:
        reason = next(iter(prepared.left_out.values())).rstrip(".")
        print(f"note: {len(prepared.left_out)} samples can have none, the first since {reason}.")


def samples_of_part(samples: list[Sample], number: int, *, parts: int) -> list[Sample]:
    """Return the samples of one part; a scan's samples stay together.

    Args:
        samples: Samples of the cohort.
        number: Number of the part, from 1.
        parts: Number of parts.
    """
    scans = sorted({_scan(sample) for sample in samples})
    chosen = set(scans[number - 1 :: parts])
    return [sample for sample in samples if _scan(sample) in chosen]


def parse_part(part: str) -> tuple[int, int]:
    """Return number and count of `K/N`.

    Raises:
        InputError: There is no such part.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", part)
    number, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= parts:
        raise InputError(f"prepare={part}: give K/N, the Kth of N parts, such as 1/4; 1/1 is all.")
    return number, parts


def _scan(sample: Sample) -> tuple[str, str]:
    return str(sample.image), sample.series or ""
