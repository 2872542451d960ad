"""The report of one scan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lungcam.cohorts import Sample
from lungcam.grid import reorient
from lungcam.report.page import write_page
from lungcam.report.scan_page import scan_page
from lungcam.report.scan_report import ScanReport
from lungcam.report.shown_scan import show_scan
from lungcam.runs.answer import Answer
from lungcam.runs.predictor import Predictor
from lungcam.scans import Scan
from lungcam.transforms import is_crop, shows_whole_chest


def write_scan_report(
    folder: Path,
    predictor: Predictor,
    scan: Scan,
    sample: Sample,
    answer: Answer,
    prediction: Mapping[str, object],
) -> None:
    """Write report.html: one file that works offline in any browser.

    Args:
        folder: Where it goes.
        predictor: The trained net.
        scan: The scan.
        sample: What is known of it.
        answer: What the net says of it.
        prediction: As in prediction.json.
    """
    canonical = scan.grid.canonical
    lesions = _lesions(sample)
    places = [center for center, _ in lesions]
    places += [one["center_ras_mm"] for one in prediction.get("candidates", ())]
    if prediction["heatmap_peak_ras_mm"] is not None:
        places.append(prediction["heatmap_peak_ras_mm"])
    extent_mm = np.multiply(scan.grid.shape, scan.grid.spacing_mm)
    shown = show_scan(
        reorient(scan.hu, scan.grid, canonical),
        canonical,
        answer.masks.get("lungs"),
        not is_crop(extent_mm),
        places,
    )
    report = ScanReport(
        prediction,
        scan.grid,
        shown,
        answer.heat,
        type(predictor.classifier.net).__name__,
        predictor.mark,
        predictor.fitted_on,
        "scans" if shows_whole_chest(predictor.transforms) else "nodules",
        lesions,
    )
    write_page(folder / "report.html", scan_page(report))


def _lesions(sample: Sample) -> list[tuple[tuple[float, float, float], float]]:
    """Centre and diameter of what is annotated, the sample's own first."""
    found = []
    if sample.center_mm is not None and sample.diameter_mm:
        found.append((sample.center_mm, sample.diameter_mm))
    for one in sample.nodules:
        told = (one.center_mm, one.diameter_mm)
        if told not in found and one.diameter_mm:
            found.append(told)
    return found
