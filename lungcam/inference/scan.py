"""One scan: its prediction, and the files written for it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.cohorts import Sample
from lungcam.evaluation.candidate_sources import SourceCandidates
from lungcam.evaluation.ensemble import Ensemble
from lungcam.evaluation.lesion_erasure import erase_lesions
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.search_localisation import SearchLocaliser
from lungcam.grid import Grid, reorient
from lungcam.inference.hot_places import hot_places
from lungcam.inference.own_results import clear_results
from lungcam.inference.predict import predict_prepared
from lungcam.inference.prediction_file import peak_memory_mb, prediction_record, write_prediction
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan_pictures import write_pictures
from lungcam.inference.scan_report import write_scan_report
from lungcam.inference.scan_result import ScanResult
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import write_volume
from lungcam.transforms.subject import grid, volume

OTHER_WAY = (
    "{name} is not measured: whole scans are searched with explain.search=true, crops and known "
    "centres are looked at without it"
)
# steps with a time in prediction.json
STEPS = (
    "read",
    "lungs",
    "search",
    "model",
    "explain",
    "erase",
    "write",
    "dicom",
    "render",
    "report",
)


@dataclass(frozen=True, eq=False)
class PredictedScan:
    """A scan with its files written.

    Attributes:
        result: Everything computed for the scan.
        record: Content of prediction.json.
    """

    result: ScanResult
    record: Mapping[str, Any]


def predict_scan(
    ensemble: Ensemble,
    prepared: PreparedScan,
    *,
    sample: Sample,
    folder: Path,
    outputs: RequestedOutputs,
    request: str,
    localiser: Localiser | None = None,
) -> PredictedScan:
    """Predict and explain one scan and write its files.

    Files of an earlier command are removed first, so that no two are mixed up; files of the user
    are refused.

    Args:
        ensemble: The trained nets.
        prepared: The scan, prepared by the net's transforms.
        sample: Sample of the scan.
        folder: Folder of the files.
        outputs: Requested files.
        request: From `lungcam.inference.prediction_file.request_digest`.
        localiser: Measures where the heat-map points, if given.

    Raises:
        InputError: The scan is at fault; nothing is written.
    """
    watch = Stopwatch(prepared.seconds)
    result = _compute(ensemble, prepared, sample=sample, erase=outputs.erase, watch=watch)
    clear_results(folder)
    # one processor compresses while another draws
    with ThreadPoolExecutor(1) as writer:
        written = writer.submit(_write_volumes, folder, result, masks=outputs.masks, watch=watch)
        drawn = _write_drawings(folder, result, outputs=outputs, watch=watch)
        written.result()
    warnings = [*result.warnings, *drawn]
    record = {
        "scan": folder.name,
        **prediction_record(ensemble, prepared, prediction=result.prediction, warnings=warnings),
    }
    if result.erasure is not None:
        record["erased"] = result.erasure.lesions
    if outputs.report:
        with watch("report"):
            if result.prediction.candidates is None:
                record["hot_places"] = _hot_places(result)
            if outputs.prior:
                peak_mm = record["heatmap_peak_ras_mm"]
                record["prior"] = [prior.as_record(peak_mm) for prior in outputs.prior]
            write_scan_report(folder, result, record=record, options=outputs.render)
    record |= {
        "timings_s": watch.report(STEPS),
        "peak_memory_mb": peak_memory_mb(),
        "request": request,
    }
    if localiser is not None:
        _localise(localiser, result, mask=prepared.lesion)
    # the last of all: it marks the scan as finished
    write_prediction(folder, record)
    return PredictedScan(result, record)


def _hot_places(result: ScanResult) -> list[dict[str, Any]]:
    """Return the hottest places of the heat-map for prediction.json."""
    places = hot_places(result.prediction.heat, result.scan, masks=result.prediction.masks)
    return [place.as_record() for place in places]


def _compute(
    ensemble: Ensemble, prepared: PreparedScan, *, sample: Sample, erase: bool, watch: Stopwatch
) -> ScanResult:
    """Predict and explain the scan, and erase its lesions if requested."""
    prediction = predict_prepared(ensemble, prepared, watch=watch)
    with watch("explain"):
        heat = prediction.heat.on(prepared.scan.grid)
    erasure = None
    if erase:
        with watch("erase"):
            erasure = erase_lesions(
                ensemble.classifier,
                prediction.subject,
                transforms=ensemble.transforms,
                sample=sample,
                heat=prediction.input_heat,
                scan=prepared.scan,
            )
    return ScanResult(
        ensemble=ensemble,
        sample=sample,
        scan=prepared.scan,
        prediction=prediction,
        heat=heat,
        erasure=erasure,
    )


def _write_volumes(folder: Path, result: ScanResult, *, masks: bool, watch: Stopwatch) -> None:
    """Write the NIfTI files; with `masks` also those of the masks and the task's further maps."""
    with watch("write"):
        scan_grid = result.scan.grid
        write_volume(folder / "heatmap.nii.gz", result.heat, grid=scan_grid)
        if result.prediction.spread is not None:
            spread = result.prediction.spread.on(scan_grid)
            write_volume(folder / "heatmap_spread.nii.gz", spread, grid=scan_grid)
        if result.prediction.search is not None:
            detection = result.prediction.search.detection.on(scan_grid)
            write_volume(folder / "detection.nii.gz", detection, grid=scan_grid)
        if result.erasure is not None:
            result.erasure.write(folder / "erased.nii.gz", scan_grid)
        if not masks:
            return
        for name, mask in result.prediction.masks.items():
            on_scan = reorient(mask, scan_grid.canonical, target=scan_grid)
            write_volume(folder / f"{name}.nii.gz", on_scan, grid=scan_grid)
        if result.prediction.candidates is None:
            for name, heat in result.task_maps():
                file = folder / f"heatmap_{name}.nii.gz"
                write_volume(file, heat.on(scan_grid), grid=scan_grid)


def _write_drawings(
    folder: Path, result: ScanResult, *, outputs: RequestedOutputs, watch: Stopwatch
) -> list[str]:
    """Write DICOM objects and pictures if requested, and return sentences for the user."""
    warnings = []
    if outputs.dicom:
        # the dictionary of codes alone takes a fifth of a second to load
        from lungcam.inference.dicom_objects import write_dicom_objects

        with watch("dicom"):
            warnings += write_dicom_objects(
                folder,
                result.scan,
                heat=result.heat,
                masks=result.prediction.masks,
                ensemble=result.ensemble,
                trust=result.prediction.trust,
                keep_patient=outputs.keep_patient,
            )
    if (outputs.picture or outputs.turntable) and result.prediction.masks:
        with watch("render"):
            warnings += write_pictures(
                folder,
                result.picture_inputs(),
                options=outputs.render,
                picture=outputs.picture,
                turning=outputs.turntable,
            )
    return warnings


def _localise(
    localiser: Localiser, result: ScanResult, *, mask: tuple[np.ndarray, Grid] | None
) -> None:
    """Measure where the heat-map points, or of a searched scan the candidates."""
    prediction = result.prediction
    # a submission names scans by the series UID, which a DICOM series carries
    series_uid = result.sample.series_uid or result.scan.series_uid
    sample = replace(result.sample, series_uid=series_uid)
    if (prediction.search is not None) != isinstance(localiser, SearchLocaliser):
        localiser.notes.append(OTHER_WAY.format(name=sample.sample_id))
        return
    if isinstance(localiser, SearchLocaliser):
        search = prediction.search
        localiser.add_search(
            sample,
            SourceCandidates(
                np.array([place.center_mm for place in search.candidates]).reshape(-1, 3),
                np.array([place.suspicion for place in search.candidates]),
                prediction.heat,
            ),
            detection=search.detection,
            scan=result.scan,
            lungs=prediction.masks["lungs"],
            searched=prediction.masks["mask"],
        )
        return
    lungs = volume(prediction.subject, "input_lungs")
    cells = grid(prediction.subject, "input")
    localiser.add(sample, prediction.image, grid=cells, lungs=lungs, mask=mask)
