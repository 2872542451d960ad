"""Recognition of lungcam's own phantoms by the files that lie with them."""

import json
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lungcam.phantom.layouts.tree import SETTINGS

# folders above a scan in which a tree of phantoms may begin
HEIGHT = 6
# keys of a phantom's truth, see `lungcam.phantom.cohort`
TRUTH = {"kind", "seed", "attachment"}


def is_phantom(image: Path) -> bool:
    """Return True if a scan is one of lungcam's phantoms, still in the place where it was made.

    A copy elsewhere is not recognised: what is not known to be a phantom counts as a person.
    """
    image = image.absolute()
    return _has_truth(image) or any(map(_is_tree, image.parents[:HEIGHT]))


def _has_truth(image: Path) -> bool:
    file = image.with_name(f"{image.name.partition('.')[0]}.json")
    with suppress(OSError, ValueError, RecursionError):
        truth = json.loads(file.read_text(encoding="utf-8"))
        return isinstance(truth, dict) and truth.keys() >= TRUTH
    return False


@lru_cache(maxsize=4096)
def _is_tree(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()
