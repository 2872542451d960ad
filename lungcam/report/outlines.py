"""What is annotated in a sample's scan, as pictures outline it."""

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.grid import Grid
from lungcam.render import Outline


def outlines_of(sample: Sample, canonical: Grid) -> tuple[Outline, ...]:
    """Outline the sample's lesion and the nodules of its scan.

    Args:
        sample: Places in RAS world mm. A lesion whose diameter is not known is marked at its
            centre; one of 0 mm is known not to be there.
        canonical: Grid of the volume that is drawn, RAS+.
    """
    found = [(one.center_mm, one.diameter_mm) for one in sample.nodules if one.counts]
    own = sample.center_mm
    if own is not None and sample.diameter_mm != 0 and own not in [place for place, _ in found]:
        found.append((own, sample.diameter_mm or 0.0))
    return tuple(
        Outline(
            tuple(map(float, canonical.to_index(np.array(place)) * canonical.spacing_mm)),
            diameter / 2,
        )
        for place, diameter in found
    )
