"""One scan: prediction, heat-map, masks and picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lungcam.cohorts import Sample
from lungcam.evaluation.lesion_erasure import erase_lesions
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.inference.outputs import (
    NAME,
    peak_memory_mb,
    prediction_record,
    show_window,
    task_maps,
    write_pictures,
    write_prediction,
)
from lungcam.inference.predict import predict_prepared
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan_report import write_scan_report
from lungcam.render import PictureInputs
from lungcam.report.outlines import outlines_of
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import Scan, write_volume
from lungcam.transforms.subject import grid, volume

# each is timed
STEPS = (
    "read",
    "lungs",
    "slide",
    "model",
    "explain",
    "erase",
    "write",
    "dicom",
    "render",
    "report",
)
# all that a scan's folder may hold, the one that says that the rest is whole first
FILES = (
    NAME,
    "heatmap.nii.gz",
    "heatmap_year_*.nii.gz",
    "erased.nii.gz",
    "mask.nii.gz",
    "lungs.nii.gz",
    "render.png",
    "turntable.gif",
    "lungs_histogram.png",
    "report.html",
    "heatmap.dcm",
    "heatmap_slices/*.dcm",
    "mask.dcm",
    "lungs.dcm",
)


def predict_scan(
    predictor: Predictor,
    ready: PreparedScan,
    sample: Sample,
    folder: Path,
    wanted: RequestedOutputs,
    request: str,
    localiser: Localiser | None = None,
) -> dict[str, object]:
    """Predict and explain one scan and write its files.

    What an earlier command wrote of this scan is removed first, so that no two are mixed up.

    Args:
        predictor: The trained net.
        ready: The scan, prepared by the net's transforms.
        sample: What is known of the scan.
        folder: Where the files go.
        wanted: Which files.
        request: From `request_digest`: what is asked for, to be known again.
        localiser: Looks at the scan too, where there is one.

    Returns:
        What stands in prediction.json.

    Raises:
        InputError: The scan is at fault; nothing is written then.
    """
    watch, scan = Stopwatch(ready.seconds), ready.scan
    answer = predict_prepared(predictor, ready, watch=watch)
    canonical, masks, warnings = scan.grid.canonical, answer.masks, list(answer.warnings)
    with watch("explain"):
        on_scan = answer.heat.on(scan.grid)
    erased = None
    if wanted.erase:
        with watch("erase"):
            net, steps = predictor.classifier, predictor.transforms
            erased = erase_lesions(
                net, answer.subject, transforms=steps, sample=sample, heat=answer.local
            )
        warnings += erased.warnings
    for pattern in FILES:
        for old in folder.glob(pattern):
            old.unlink()
    with watch("write"):
        write_volume(folder / "heatmap.nii.gz", on_scan, grid=scan.grid)
        if erased is not None:
            erased.write(folder / "erased.nii.gz", scan.grid)
        if wanted.masks:
            for name, one in masks.items():
                write_volume(
                    folder / f"{name}.nii.gz",
                    reorient(one, canonical, target=scan.grid),
                    grid=scan.grid,
                )
            if answer.candidates is None:
                for name, heat in task_maps(predictor, answer):
                    file = folder / f"heatmap_{name}.nii.gz"
                    write_volume(file, heat.on(scan.grid), grid=scan.grid)
    if wanted.dicom:
        # the codes' dictionary alone takes a fifth of a second
        from lungcam.inference.outputs import write_dicom_objects

        with watch("dicom"):
            warnings += write_dicom_objects(
                folder, scan, heat=on_scan, masks=masks, predictor=predictor
            )
    if (wanted.picture or wanted.turntable) and masks:
        with watch("render"):
            warnings += write_pictures(
                folder,
                _picture_inputs(predictor, scan, sample=sample, lungs=masks["lungs"], heat=on_scan),
                options=wanted.look,
                picture=wanted.picture,
                turning=wanted.turntable,
            )
    prediction = {
        "scan": folder.name,
        **prediction_record(predictor, ready, answer=answer, warnings=warnings),
        **({"erased": erased.lesions} if erased is not None else {}),
    }
    if wanted.report:
        with watch("report"):
            write_scan_report(
                folder,
                predictor,
                scan=scan,
                sample=sample,
                answer=answer,
                prediction=prediction,
                look=wanted.look,
            )
    prediction |= {
        "timings_s": watch.report(STEPS),
        "peak_memory_mb": peak_memory_mb(),
        "request": request,
    }
    # of a scan that was searched, the one cube that is left tells nothing of the rest
    if localiser is not None and answer.candidates is None:
        shown = volume(answer.subject, "input_lungs")
        # a DICOM series tells its UID, by which submissions name scans
        told = replace(sample, series_uid=sample.series_uid or scan.series_uid)
        localiser.add(told, answer.image, grid=grid(answer.subject, "input"), lungs=shown)
    # the last of all: where it is, the scan is finished
    write_prediction(folder, prediction)
    if wanted.interactive and masks:
        for note in show_window(
            _picture_inputs(predictor, scan, sample=sample, lungs=masks["lungs"], heat=on_scan),
            wanted.look,
        ):
            print(f"note: {note}")
    return prediction


def _picture_inputs(
    predictor: Predictor, scan: Scan, *, sample: Sample, lungs: np.ndarray, heat: np.ndarray
) -> PictureInputs:
    """Collect the inputs of the scan's pictures, on its canonical grid."""
    canonical = scan.grid.canonical
    return PictureInputs(
        hu=reorient(scan.hu, scan.grid, target=canonical),
        lungs=lungs,
        heat=reorient(heat, scan.grid, target=canonical),
        spacing_mm=canonical.spacing_mm,
        heat_name=method_name(predictor.method, predictor.evidence),
        mark=predictor.mark,
        outlines=outlines_of(sample, canonical),
    )
