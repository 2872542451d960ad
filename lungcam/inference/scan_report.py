"""The report of one scan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lungcam.cohorts import Sample
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.inference.predict import ScanPrediction
from lungcam.render import PictureInputs, RenderOptions, prepare_content
from lungcam.report.outlines import outlines_of
from lungcam.report.page import write_page
from lungcam.report.scan_cards import ScanReport
from lungcam.report.scan_page import scan_page
from lungcam.report.scan_volume import reduce_scan
from lungcam.report.volume_section import volume_section
from lungcam.scans import Scan
from lungcam.transforms import is_crop, shows_whole_chest

# along the longest side of the 3D view: as fine as a browser without a graphics card can turn
VOXELS = 192


def write_scan_report(
    folder: Path,
    predictor: Predictor,
    *,
    scan: Scan,
    sample: Sample,
    answer: ScanPrediction,
    prediction: Mapping[str, object],
    look: RenderOptions,
) -> None:
    """Write report.html: one file that works offline in any browser.

    Args:
        folder: Where it goes.
        predictor: The trained net.
        scan: The scan.
        sample: What is known of it.
        answer: What the net says of it.
        prediction: As in prediction.json.
        look: How the 3D view looks; what cuts a picture open is left to the user's hand.
    """
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    lesions = _lesions(sample)
    places = [center for center, _ in lesions]
    places += [one["center_ras_mm"] for one in prediction.get("candidates", ())]
    if prediction["heatmap_peak_ras_mm"] is not None:
        places.append(prediction["heatmap_peak_ras_mm"])
    extent_mm = np.multiply(scan.grid.shape, scan.grid.spacing_mm)
    volume = reduce_scan(
        hu,
        canonical,
        lungs=answer.masks.get("lungs"),
        chest=not is_crop(extent_mm),
        points_mm=places,
    )
    report = ScanReport(
        prediction=prediction,
        scan=scan.grid,
        volume=volume,
        heat=answer.heat,
        net=type(predictor.classifier.net).__name__,
        mark=predictor.mark,
        fitted_on=predictor.fitted_on,
        noun="scans" if shows_whole_chest(predictor.transforms) else "nodules",
        lesions=lesions,
        section=predictor.task.prediction_section(prediction),
    )
    view = None
    if "lungs" in answer.masks:
        inputs = PictureInputs(
            hu=hu,
            lungs=answer.masks["lungs"],
            heat=answer.heat.on(canonical).clip(0),
            spacing_mm=canonical.spacing_mm,
            heat_name=method_name(predictor.method, predictor.evidence),
            mark=predictor.mark,
            outlines=outlines_of(sample, canonical),
        )
        content = prepare_content(inputs, look, max_side=VOXELS)
        view = volume_section(content, look.view)
    write_page(folder / "report.html", scan_page(report, view))


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
