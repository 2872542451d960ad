"""What four readers have marked in a phantom, as in LIDC-IDRI."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lungcam.cohorts.phantom.layouts.outline import Outline, outlines
from lungcam.cohorts.phantom.layouts.places import places
from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.phantom import Phantom

READERS = 4
THREE_READERS = 0.3  # share of nodules that one reader has missed
MOST_ASIDE_MM = 0.6  # between the middles of two readers' outlines
# least and most that a reader gives, by the phantom's kind, in the order of LIDC's XML
RATINGS = {
    "malignant": {
        "subtlety": (4, 5), "internalStructure": (1, 1), "calcification": (6, 6),
        "sphericity": (3, 4), "margin": (2, 3), "lobulation": (3, 5), "spiculation": (4, 5),
        "texture": (4, 5), "malignancy": (4, 5),
    },
    "benign": {
        "subtlety": (3, 5), "internalStructure": (1, 1), "calcification": (3, 6),
        "sphericity": (4, 5), "margin": (4, 5), "lobulation": (1, 2), "spiculation": (1, 1),
        "texture": (5, 5), "malignancy": (1, 2),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Nodule:
    """A reader's mark of a nodule of 3 mm or more."""

    ratings: Mapping[str, int]
    outlines: tuple[Outline, ...]


@dataclass(frozen=True)
class Reading:
    """What one reader has marked.

    Attributes:
        nodules: Of 3 mm or more: rated and outlined.
        small: Voxels of nodules under 3 mm, which get one point and no rating.
        others: Voxels of findings that are no nodule.
    """

    nodules: tuple[Nodule, ...]
    small: tuple[tuple[int, int, int], ...]
    others: tuple[tuple[int, int, int], ...]


def read_by_four(subject: Subject, phantom: Phantom) -> list[Reading]:
    """Draw four readers' marks.

    One reader's outline is a pixel larger, one's a pixel smaller, the others' fit, so that the
    pixels on which half of the readers agree are those of the nodule.
    """
    rng = subject.rng("readings")
    masks = []
    if phantom.nodule.any():
        fit = phantom.nodule
        masks = [_changed(phantom, larger=True), _changed(phantom, larger=False), fit]
        masks += [None if rng.random() < THREE_READERS else fit]
    order = rng.permutation(READERS)
    small, others = _marks(rng, phantom, 2), _marks(rng, phantom, 3)
    readings = []
    for reader in order:
        mask = masks[reader] if masks else None
        nodules = ()
        if mask is not None:
            limits = RATINGS[subject.kind]
            ratings = {name: int(rng.integers(*limits[name], endpoint=True)) for name in limits}
            nodules = (Nodule(ratings, tuple(outlines(mask))),)
        seen = [tuple(one for one in marks if rng.random() < 0.5) for marks in (small, others)]
        readings.append(Reading(nodules, *seen))
    return readings


def _marks(rng: np.random.Generator, phantom: Phantom, most: int) -> list[tuple[int, int, int]]:
    count = int(rng.integers(0, most + 1))
    return [tuple(one) for one in places(rng, phantom, count, vessels=True).tolist()]


def _changed(phantom: Phantom, larger: bool) -> np.ndarray:
    """The nodule a pixel larger or smaller on each slice that it is on.

    Where nothing would be left, or the middle would move, the nodule as it is.
    """
    fit, cross = phantom.nodule, ndimage.generate_binary_structure(2, 1)[:, :, None]
    mask = (ndimage.binary_dilation if larger else ndimage.binary_erosion)(fit, cross)
    if not mask.any():
        return fit
    way = np.argwhere(mask).mean(axis=0) - np.argwhere(fit).mean(axis=0)
    return mask if np.linalg.norm(way * phantom.spacing) < MOST_ASIDE_MM else fit
