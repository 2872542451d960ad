"""Whether a few files of a folder stand for all of them."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from lungcam.cohorts.catalogue.tags import Image


def stand_for(few: Mapping[str, Image], names: Sequence[str], folder: str) -> bool:
    """Whether the images that were read show that all files are of their series.

    They do where their InstanceNumbers run evenly over the names, one up or one down a file: a
    file of another series between two of them would shift the later ones. They do also where the
    names stand in no order of slices, as LIDC-IDRI's from The Cancer Imaging Archive and all of
    the Imaging Data Commons, if the folder is named after the series, as both do, and all numbers
    fit into a series of that many files. Then a stranger among the files goes unseen.

    Args:
        few: Images of one series by file name.
        names: All files' names, sorted.
        folder: The folder's name.
    """
    if len(few) == len(names):
        return True
    numbers = {name: image.number for name, image in few.items() if image.number is not None}
    if len(set(numbers.values())) < len(few):
        return False
    for order in (names, sorted(names, key=_natural)):
        rank = {name: k for k, name in enumerate(order)}
        ranked = sorted((rank[name], number) for name, number in numbers.items())
        if any(len({n - sign * k for k, n in ranked}) == 1 for sign in (1, -1)):
            return True
    if len({after > before for (_, before), (_, after) in pairwise(ranked)}) == 1:
        # in order, and yet not even: something lies between
        return False
    uid = next(iter(few.values())).tags.series_uid
    fit = max(numbers.values()) - min(numbers.values()) < len(names)
    return fit and _named_after(folder, uid)


def _named_after(folder: str, uid: str) -> bool:
    """Whether a folder's name holds the UID, or ends in its last 5 figures as NBIA's do."""
    return uid in re.split(r"[^0-9.]+", folder) or folder.endswith(f"-{uid[-5:]}")


def _natural(name: str) -> list[str | int]:
    """With numbers by their value: 2 before 10."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"([0-9]+)", name))]
