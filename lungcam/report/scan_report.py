"""What a scan's page tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.report.shown_scan import ShownScan

EVIDENCE = {
    "both": "what speaks for the positive class, and what against it",
    "for": "what speaks for the positive class",
    "against": "what speaks against the positive class",
}


@dataclass(frozen=True, eq=False)
class ScanReport:
    """What a scan's page tells.

    Attributes:
        prediction: As in prediction.json.
        scan: The scan's own grid.
        shown: What the slices show.
        heat: The signed map, in units of the logit.
        net: Name of the model.
        mark: The warning on a net whose heat-maps failed their checks.
        fitted_on: As for `calibration_in_words`.
        noun: What a sample is, in the plural: scans or nodules.
        lesions: Centre (RAS mm) and diameter in mm of each known lesion.
    """

    prediction: Mapping[str, object]
    scan: Grid
    shown: ShownScan
    heat: HeatMap
    net: str
    mark: str | None
    fitted_on: tuple[int, int] | None
    noun: str
    lesions: Sequence[tuple[Sequence[float], float]] = ()


def index_of(report: ScanReport, point_mm: Sequence[float]) -> list[float]:
    """Fractional voxel of the shown grid at RAS mm."""
    return [round(float(x), 3) for x in report.shown.grid.to_index(np.asarray(point_mm, float))]


def place_in_words(point_mm: Sequence[float]) -> str:
    """RAS mm as a page tells them."""
    return ", ".join(f"{x:.1f}" for x in point_mm).replace("-", "−")
