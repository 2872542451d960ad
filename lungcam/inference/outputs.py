"""prediction.json: what is said of one scan.

The DICOM objects of one scan.

The pictures of one scan's heat-map.
"""

import json
import resource
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.dicom import (
    INPUT_REGION,
    LUNGS,
    ObjectDescription,
    SourceError,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap, method_name, peaks
from lungcam.grid import reorient
from lungcam.inference.predict import ScanPrediction
from lungcam.inference.prepare import PreparedScan
from lungcam.render import (
    PictureInputs,
    RenderError,
    RenderOptions,
    Scene,
    lungs_histogram,
    otsu_ramp,
    prepare_content,
    save_gif,
    save_png,
    show,
    turntable,
)
from lungcam.render.turntable import SIZE
from lungcam.runtime.atomic import atomic_write, write_text
from lungcam.scans import Scan
from lungcam.transforms.subject import grid

# beyond that GDCM gives no spacing to an object of many frames
GDCM_EVEN_MM = 1e-3
SEGMENTS = {"mask": INPUT_REGION, "lungs": LUNGS}


def write_dicom_objects(
    folder: Path,
    scan: Scan,
    *,
    heat: np.ndarray,
    masks: Mapping[str, np.ndarray],
    predictor: Predictor,
) -> list[str]:
    """Write heatmap.dcm, heatmap_slices/, mask.dcm and lungs.dcm.

    Args:
        folder: Of the scan's results.
        scan: What was looked at.
        heat: `(W, H, D)` on the scan's grid.
        masks: `(W, H, D)` bool on the canonical grid, by name; none for crops.
        predictor: The net.

    Returns:
        Sentences on what the user should know: a scan of another format costs these files only.
    """
    try:
        source = source_of(scan)
    except SourceError as reason:
        return [str(reason)]
    told = ObjectDescription(
        method=method_name(predictor.method, "both"),
        code=predictor.method,
        evidence=predictor.evidence,
        model=type(predictor.classifier.net).__name__,
        checkpoint=predictor.sha256,
        label_rule=predictor.label_rule,
        mark=predictor.mark,
    )
    write_parametric_map(folder / "heatmap.dcm", source, heat=heat, description=told)
    write_heat_slices(folder / "heatmap_slices", source, heat=heat, description=told)
    for name, mask in masks.items():
        on_scan = reorient(mask, scan.grid.canonical, target=scan.grid)
        write_segmentation(
            folder / f"{name}.dcm", source, mask=on_scan, segment=SEGMENTS[name], description=told
        )
    notes = []
    if not source.shares_frame:
        notes.append(
            "The slices do not share one FrameOfReferenceUID; the DICOM objects carry the first "
            "one's, and some viewers will not lay them over the scan."
        )
    if masks and source.max_gap_deviation_mm > GDCM_EVEN_MM:
        notes.append(
            f"The slices are uneven by up to {source.max_gap_deviation_mm:.3f} mm: SimpleITK and "
            "other readers based on GDCM assume voxels of 1 mm for mask.dcm and lungs.dcm; give "
            "them the NIfTI."
        )
    return notes


def write_pictures(
    folder: Path,
    inputs: PictureInputs,
    *,
    options: RenderOptions,
    picture: bool = True,
    turning: bool = False,
) -> list[str]:
    """Draw the pictures and write them; without OpenGL only the pictures are missing.

    Args:
        folder: Folder of the files.
        inputs: Scan, lungs and signed heat-map.
        options: Render options. The preset otsu adds `lungs_histogram.png`, which shows its ramp.
        picture: Write `render.png`.
        turning: Write `turntable.gif`.

    Returns:
        Sentences for the user.
    """
    if options.preset == "otsu":
        histogram = lungs_histogram(inputs.hu, inputs.lungs)
        _write_histogram(folder / "lungs_histogram.png", histogram)
    content = prepare_content(_positive_part(inputs), options)
    try:
        if picture:
            with Scene(content, options) as scene:
                save_png(folder / "render.png", scene.render(options.view))
        if turning:
            with Scene(content, options, size=SIZE) as scene:
                save_gif(folder / "turntable.gif", list(turntable(scene, options.view)))
    except RenderError as error:
        return [str(error)]
    return []


def show_window(inputs: PictureInputs, options: RenderOptions) -> list[str]:
    """Show the volume in a window until the user closes it.

    Args:
        inputs: Scan, lungs and signed heat-map.
        options: Render options.

    Returns:
        Sentences for the user: that there is no screen.
    """
    try:
        show(prepare_content(_positive_part(inputs), options), options)
    except RenderError as error:
        return [str(error)]
    return []


def _positive_part(inputs: PictureInputs) -> PictureInputs:
    """Leave out the negative values of the heat-map, which only the volume's file holds."""
    return replace(inputs, heat=np.maximum(inputs.heat, 0))


def _write_histogram(path: Path, histogram: np.ndarray) -> None:
    # matplotlib takes a while to load, and most pictures do without
    from lungcam.report.lungs_histogram import draw_lungs_histogram

    with atomic_write(path) as temporary:
        draw_lungs_histogram(histogram, otsu_ramp(histogram)).savefig(temporary, format="png")


NAME = "prediction.json"


def prediction_record(
    predictor: Predictor, ready: PreparedScan, *, answer: ScanPrediction, warnings: Sequence[str]
) -> dict[str, object]:
    """What stands in prediction.json of any scan, but for its name, its times and its request."""
    places, _ = peaks(answer.heat.values, answer.heat.cells, max_peaks=1)
    probability = predictor.probability(answer.logit)
    return {
        "probability": round(probability, 6),
        "logit": answer.logit,
        **predictor.task.prediction(answer.logits, predictor.probability),
        "label": int(probability >= predictor.threshold),
        "threshold": predictor.threshold,
        "label_rule": predictor.label_rule,
        "calibrated": predictor.calibration is not None,
        "series_uid": ready.scan.series_uid,
        "explanation": {
            "method": predictor.method,
            "layer": predictor.layer.removeprefix("net."),
            "evidence": predictor.evidence,
            **predictor.explanation,
        },
        "heatmap_peak_ras_mm": [round(float(x), 2) for x in places[0]] if len(places) else None,
        **_candidates(predictor, answer),
        "mask_quality": _mask_quality(answer),
        "seen_in_training": ready.pixels in predictor.pixels,
        "warnings": list(warnings),
        "checkpoint_sha256": predictor.sha256,
        "lungcam": __version__,
        "notice": RESEARCH_USE_ONLY,
    }


def write_prediction(folder: Path, prediction: dict[str, object]) -> None:
    """Write prediction.json, the last of a scan's files: where it is, all are."""
    write_text(folder / NAME, json.dumps(prediction, indent=2) + "\n")


def _mask_quality(answer: ScanPrediction) -> dict[str, object] | None:
    """Figures and flags of the masks; None where the net looks at nodules, without a mask."""
    judged = answer.quality
    if not judged.figures:
        return None
    return judged.figures | {"flags": [one.code for one in judged.findings]}


def _candidates(predictor: Predictor, answer: ScanPrediction) -> dict[str, object]:
    """The most suspicious places of a scan that was searched."""
    if answer.candidates is None:
        return {}
    return {
        "candidates": [
            {
                "center_ras_mm": [round(x, 2) for x in one.center_mm],
                "map_height": round(one.height, 4),
                "probability": round(predictor.probability(one.logit), 6),
                "logit": one.logit,
            }
            for one in answer.candidates
        ]
    }


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def task_maps(predictor: Predictor, answer: ScanPrediction) -> Iterable[tuple[str, HeatMap]]:
    """Return the task's further heat-maps of a scan, by name; see `lungcam.tasks.Task.maps`.

    Args:
        predictor: The trained net.
        answer: Prediction of one place.
    """
    net = predictor.classifier
    image = answer.image.to(next(net.parameters()).device)
    cells = grid(answer.subject, "input")
    return predictor.task.maps(net, lambda: predictor.explainer(net, image, cells))
