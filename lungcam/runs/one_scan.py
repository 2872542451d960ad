"""One scan: prediction, heat-map, masks and picture."""

import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.cohorts import Sample
from lungcam.data import pixel_hash
from lungcam.errors import InputError
from lungcam.explain import method_name, peak_mm
from lungcam.files import write_text
from lungcam.grid import Grid, reorient
from lungcam.render import RenderError, render_volume, save_png
from lungcam.runs.erasing import erase_lesions
from lungcam.runs.localise import Localiser
from lungcam.runs.predictor import Predictor
from lungcam.runs.stopwatch import Stopwatch
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import place_center, prepare, quality, shows_whole_chest
from lungcam.transforms.volumes import grid, volume

# each is timed
STEPS = ("read", "lungs", "model", "explain", "erase", "write", "render")


@dataclass(frozen=True)
class Wanted:
    """Which files are wanted beside prediction.json and the heat-map.

    Attributes:
        masks: mask.nii.gz and lungs.nii.gz.
        picture: render.png.
        erase: erased.nii.gz, and what became of the logit.
    """

    masks: bool
    picture: bool
    erase: bool = False


def predict_scan(
    predictor: Predictor,
    sample: Sample,
    folder: Path,
    wanted: Wanted,
    localiser: Localiser | None = None,
) -> dict[str, object]:
    """Predict and explain one scan and write its files.

    Args:
        predictor: The trained net.
        sample: The scan, and, where it is known, the centre of its nodule.
        folder: Where the files go.
        wanted: Which files.
        localiser: Looks at the scan too, where there is one.

    Returns:
        What stands in prediction.json.

    Raises:
        InputError: The scan is at fault; nothing is written then.
    """
    watch = Stopwatch()
    with watch("read"):
        scan = read_scan(sample.image, sample.series, shows_whole_chest(predictor.transforms))
    with watch("lungs"):
        center_mm, misplaced = None, []
        if not shows_whole_chest(predictor.transforms):
            try:
                center_mm, misplaced = place_center(scan.grid, sample.center_mm)
            except ValueError as error:
                raise InputError(f"{scan.source}: {error}") from error
        subject = prepare(scan, predictor.transforms, center_mm)
        judged = quality(subject)
    canonical = grid(subject, "image")
    # a crop has neither
    masks = {name: volume(subject, name) for name in ("mask", "lungs") if name in subject}
    image = subject["input"].data[None].to(next(predictor.classifier.parameters()).device)
    with watch("model"), torch.no_grad():
        logit = float(predictor.classifier(image))
    with watch("explain"):
        heat = predictor.explainer(predictor.classifier, image, grid(subject, "input"))
        on_scan = heat.on(scan.grid)
    warnings = scan.warnings + [one.sentence for one in (*misplaced, *judged.findings)]
    if not masks and center_mm is None and beyond(grid(subject, "input"), canonical):
        warnings.append("Only a cube in the scan's middle was looked at; give a nodule's crop.")
    erased = None
    if wanted.erase:
        with watch("erase"):
            net, steps = predictor.classifier, predictor.transforms
            erased = erase_lesions(net, subject, steps, sample, heat)
        warnings += erased.warnings
    with watch("write"):
        write_volume(folder / "heatmap.nii.gz", on_scan, scan.grid)
        if erased is not None:
            erased.write(folder / "erased.nii.gz", scan.grid)
        if wanted.masks:
            for name, one in masks.items():
                write_volume(
                    folder / f"{name}.nii.gz", reorient(one, canonical, scan.grid), scan.grid
                )
    if wanted.picture and masks:
        with watch("render"):
            warnings += _write_picture(
                folder / "render.png",
                volume(subject, "image"),
                masks["lungs"],
                reorient(on_scan, scan.grid, canonical),
                canonical.spacing_mm,
                method_name(predictor.method, predictor.evidence),
                predictor.mark,
            )
    peak = peak_mm(heat.values, heat.cells)
    probability = predictor.probability(logit)
    prediction = {
        "scan": folder.name,
        "probability": round(probability, 6),
        "logit": logit,
        "label": int(probability >= predictor.threshold),
        "threshold": predictor.threshold,
        "label_rule": predictor.label_rule,
        "calibrated": predictor.calibration is not None,
        "series_uid": scan.series_uid,
        "explanation": {
            "method": predictor.method,
            "layer": predictor.layer.removeprefix("net."),
            "evidence": predictor.evidence,
            **predictor.explanation,
        },
        "heatmap_peak_ras_mm": None if np.isnan(peak).any() else [round(x, 2) for x in peak],
        **({"erased": erased.lesions} if erased is not None else {}),
        "mask_quality": judged.figures | {"flags": [one.code for one in judged.findings]}
        if masks
        else None,
        "seen_in_training": pixel_hash(scan) in predictor.pixels,
        "warnings": warnings,
        "checkpoint_sha256": predictor.sha256,
        "timings_s": watch.report(STEPS),
        "peak_memory_mb": peak_memory_mb(),
        "lungcam": __version__,
        "notice": RESEARCH_USE_ONLY,
    }
    write_text(folder / "prediction.json", json.dumps(prediction, indent=2) + "\n")
    if localiser is not None:
        shown = volume(subject, "input_lungs")
        # a DICOM series tells its UID, by which submissions name scans
        told = replace(sample, series_uid=sample.series_uid or scan.series_uid)
        localiser.add(told, image, grid(subject, "input"), shown)
    return prediction


def beyond(shown: Grid, scan: Grid) -> bool:
    """Whether a scan is twice as long or more, along any axis, than what is shown of it."""
    return any(
        size * step > 2 * n * mm
        for n, mm, size, step in zip(
            shown.shape, shown.spacing_mm, scan.shape, scan.spacing_mm, strict=True
        )
    )


def _write_picture(
    file: Path,
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray,
    spacing_mm: Sequence[float],
    heat_name: str,
    mark: str | None,
) -> list[str]:
    """Render and save; a machine without OpenGL costs the picture only."""
    # what speaks the other way is in the volume alone
    heat = np.maximum(heat, 0)
    try:
        named = {"heat_name": heat_name, "mark": mark}
        save_png(file, render_volume(hu, lungs, heat, tuple(spacing_mm), **named))
    except RenderError as error:
        return [str(error)]
    return []


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))
