"""Rows of candidates.csv, in the form of LUNA16's submissions."""

import numpy as np

from lungcam.cohorts import Sample
from lungcam.grid import lps_columns

SUBMISSION = ("seriesuid", "coordX", "coordY", "coordZ", "probability")


def candidate_row(sample: Sample, point: np.ndarray, score: float) -> dict[str, object]:
    """Return the row of a candidate.

    Args:
        sample: Sample of its scan.
        point: `(3,)` RAS mm.
        score: Larger for surer.
    """
    return {
        "seriesuid": sample.series_uid or sample.sample_id,
        **lps_columns("coord", point),
        "probability": f"{score:.9g}",
    }
