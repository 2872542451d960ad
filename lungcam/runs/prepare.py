"""Prepare a part of a cohort for the cache, as one of several jobs."""

import re

from lungcam.cohorts.sample import Sample
from lungcam.data import ScanDataModule
from lungcam.errors import InputError


def prepare_part(data: ScanDataModule, part: str) -> None:
    """Prepare the scans of one part, and train nothing.

    The parts are cut from the cohort, not from what is missing, so that jobs that run at once or
    one after the other share no scan.

    Args:
        data: Before its `setup`.
        part: `K/N`: the Kth of N parts, from 1 on.

    Raises:
        InputError: There is no such part, or nothing of it can be prepared.
    """
    number, parts = _parsed(part)
    everyone = [one for samples in data.splits.values() for one in samples]
    samples = of_part(everyone, number, parts=parts)
    prepared = data.prepare(samples)
    print(f"part {number} of {parts}: {len(prepared.files)} inputs are in the cache, {data.cache}.")
    if prepared.left_out:
        first = next(iter(prepared.left_out.values())).rstrip(".")
        print(f"note: {len(prepared.left_out)} samples can have none, the first since {first}.")


def of_part(samples: list[Sample], number: int, *, parts: int) -> list[Sample]:
    """Samples whose scans belong to one part; a scan's samples stay together.

    Args:
        samples: The cohort's.
        number: Of the part, from 1 on.
        parts: How many there are.
    """
    scans = sorted({(str(one.image), one.series or "") for one in samples})
    chosen = set(scans[number - 1 :: parts])
    return [one for one in samples if (str(one.image), one.series or "") in chosen]


def _parsed(part: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", part)
    number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= parts:
        raise InputError(f"prepare={part}: give K/N, the Kth of N parts, such as 1/4; 1/1 is all.")
    return number, parts
