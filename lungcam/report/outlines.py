"""Outlines of a sample's annotated nodules, for pictures of its scan."""

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.grid import Grid
from lungcam.render import Outline


def outlines_of(sample: Sample, canonical: Grid) -> tuple[Outline, ...]:
    """Return the outlines of the sample's lesion and of the nodules of its scan.

    Args:
        sample: Sample with positions in RAS world mm. A lesion of unknown diameter is marked at its
            centre; one of 0 mm is known to be absent.
        canonical: Grid of the volume that is drawn, RAS+.
    """
    lesions = [(nodule.center_mm, nodule.diameter_mm) for nodule in sample.nodules if nodule.counts]
    center_mm = sample.center_mm
    if (
        center_mm is not None
        and sample.diameter_mm != 0
        and center_mm not in [center for center, _ in lesions]
    ):
        lesions.append((center_mm, sample.diameter_mm or 0.0))
    return tuple(
        Outline(
            tuple(map(float, canonical.to_index(np.array(center)) * canonical.spacing_mm)),
            diameter / 2,
        )
        for center, diameter in lesions
    )
