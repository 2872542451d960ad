"""Report of one scan: report.html, which works offline in any browser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.cohorts import Sample
from lungcam.data.scan_traits import range_texts
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.inference.scan_result import ScanResult
from lungcam.render import PictureInputs, RenderOptions, prepare_content
from lungcam.report.outlines import outlines_of
from lungcam.report.page import Html, write_page
from lungcam.report.scan_cards import ScanReport
from lungcam.report.scan_page import scan_page
from lungcam.report.scan_volume import ReducedScan, reduce_scan
from lungcam.report.volume_section import volume_section
from lungcam.transforms import is_crop, shows_whole_chest

# along the longest side of the 3D view: as fine as a browser without a graphics card can turn
VOXELS = 192
Lesion = tuple[tuple[float, float, float], float]


def write_scan_report(
    folder: Path, result: ScanResult, *, record: Mapping[str, Any], options: RenderOptions
) -> None:
    """Write report.html.

    Args:
        folder: Folder of the file.
        result: Everything computed for the scan.
        record: Content of prediction.json.
        options: Render options of the 3D view; the user cuts it open by hand, whatever `clip` says.
    """
    ensemble, lesions = result.ensemble, _lesions(result.sample)
    report = ScanReport(
        prediction=record,
        scan=result.scan.grid,
        volume=_reduced_scan(result, record=record, lesions=lesions),
        heat=result.prediction.heat,
        spread=result.prediction.spread,
        net=ensemble.model,
        mark=ensemble.mark,
        doubt=result.prediction.trust.mark,
        ranges=range_texts(ensemble.record.inputs),
        fitted_on=[net.fitted_on for net in ensemble.nets],
        noun="scans" if shows_whole_chest(ensemble.transforms) else "nodules",
        lesions=lesions,
        section=ensemble.task.prediction_section(record),
        evidence=result.prediction.evidence,
        unit=ensemble.task.map_unit,
        colormap=options.colormap,
    )
    write_page(folder / "report.html", scan_page(report, _volume_view(result, options)))


def _canonical_hu(result: ScanResult) -> np.ndarray:
    scan = result.scan
    return reorient(scan.hu, scan.grid, target=scan.grid.canonical)


def _reduced_scan(
    result: ScanResult, *, record: Mapping[str, Any], lesions: Sequence[Lesion]
) -> ReducedScan:
    """Return the chest, small enough for the page, with all positions that the page names."""
    scan, peak_mm = result.scan, record["heatmap_peak_ras_mm"]
    points_mm = [center_mm for center_mm, _ in lesions]
    for key in ("candidates", "hot_places"):
        points_mm += [place["center_ras_mm"] for place in record.get(key, ())]
    points_mm += [prior["peak_ras_mm"] for prior in record.get("prior", ()) if prior["peak_ras_mm"]]
    if peak_mm is not None:
        points_mm.append(peak_mm)
    extent_mm = np.multiply(scan.grid.shape, scan.grid.spacing_mm)
    return reduce_scan(
        _canonical_hu(result),
        scan.grid.canonical,
        lungs=result.prediction.masks.get("lungs"),
        chest=not is_crop(extent_mm),
        points_mm=points_mm,
    )


def _volume_view(result: ScanResult, options: RenderOptions) -> Html | None:
    """Return the 3D view; None for a crop."""
    masks, canonical = result.prediction.masks, result.scan.grid.canonical
    if "lungs" not in masks:
        return None
    inputs = PictureInputs(
        hu=_canonical_hu(result),
        lungs=masks["lungs"],
        heat=result.prediction.heat.on(canonical).clip(0),
        spacing_mm=canonical.spacing_mm,
        heat_name=method_name(result.ensemble.method, result.ensemble.evidence),
        mark=result.ensemble.mark,
        doubt=result.prediction.trust.mark,
        outlines=outlines_of(result.sample, canonical),
    )
    content = prepare_content(inputs, options, max_side=VOXELS)
    return volume_section(content, options.view, grid=canonical)


def _lesions(sample: Sample) -> list[Lesion]:
    """Return centre and diameter of the annotated lesions, the sample's own first."""
    lesions: list[Lesion] = []
    if sample.center_mm is not None and sample.diameter_mm:
        lesions.append((sample.center_mm, sample.diameter_mm))
    for nodule in sample.nodules:
        lesion = (nodule.center_mm, nodule.diameter_mm)
        if lesion not in lesions and nodule.diameter_mm:
            lesions.append(lesion)
    return lesions
