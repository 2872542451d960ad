"""One scan: prediction, heat-map, masks and picture."""

import json
import resource
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.callbacks.outlines import outlines_of
from lungcam.cohorts import Sample
from lungcam.data import pixel_hash
from lungcam.explain import method_name, peaks
from lungcam.files import write_text
from lungcam.grid import reorient
from lungcam.render import Look
from lungcam.runs.answer import Answer, answer_scan
from lungcam.runs.erasing import erase_lesions
from lungcam.runs.localise import Localiser
from lungcam.runs.pictures import show_window, write_pictures
from lungcam.runs.predictor import Predictor
from lungcam.runs.stopwatch import Stopwatch
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import shows_whole_chest
from lungcam.transforms.volumes import grid, volume

# each is timed
STEPS = ("read", "lungs", "slide", "model", "explain", "erase", "write", "render")


@dataclass(frozen=True)
class Wanted:
    """Which files are wanted beside prediction.json and the heat-map.

    Attributes:
        masks: mask.nii.gz and lungs.nii.gz.
        picture: render.png.
        erase: erased.nii.gz, and what became of the logit.
        turntable: turntable.gif.
        interactive: A window to turn the volume in, when all else is written.
        look: How pictures look.
    """

    masks: bool
    picture: bool
    erase: bool = False
    turntable: bool = False
    interactive: bool = False
    look: Look = field(default_factory=Look)


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
    answer = answer_scan(predictor, scan, sample, watch)
    canonical, masks, warnings = scan.grid.canonical, answer.masks, list(answer.warnings)
    with watch("explain"):
        on_scan = answer.heat.on(scan.grid)
    erased = None
    if wanted.erase:
        with watch("erase"):
            net, steps = predictor.classifier, predictor.transforms
            erased = erase_lesions(net, answer.subject, steps, sample, answer.local)
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
    drawn = (
        reorient(scan.hu, scan.grid, canonical),
        masks.get("lungs"),
        reorient(on_scan, scan.grid, canonical),
        canonical.spacing_mm,
        method_name(predictor.method, predictor.evidence),
        predictor.mark,
        wanted.look,
        outlines_of(sample, canonical),
    )
    if (wanted.picture or wanted.turntable) and masks:
        with watch("render"):
            warnings += write_pictures(
                folder, *drawn, picture=wanted.picture, turning=wanted.turntable
            )
    places, _ = peaks(answer.heat.values, answer.heat.cells, most=1)
    probability = predictor.probability(answer.logit)
    prediction = {
        "scan": folder.name,
        "probability": round(probability, 6),
        "logit": answer.logit,
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
        "heatmap_peak_ras_mm": [round(float(x), 2) for x in places[0]] if len(places) else None,
        **({"erased": erased.lesions} if erased is not None else {}),
        **_candidates(predictor, answer),
        "mask_quality": _mask_quality(answer),
        "seen_in_training": pixel_hash(scan) in predictor.pixels,
        "warnings": warnings,
        "checkpoint_sha256": predictor.sha256,
        "timings_s": watch.report(STEPS),
        "peak_memory_mb": peak_memory_mb(),
        "lungcam": __version__,
        "notice": RESEARCH_USE_ONLY,
    }
    write_text(folder / "prediction.json", json.dumps(prediction, indent=2) + "\n")
    # of a scan that was searched, the one cube that is left tells nothing of the rest
    if localiser is not None and answer.candidates is None:
        shown = volume(answer.subject, "input_lungs")
        # a DICOM series tells its UID, by which submissions name scans
        told = replace(sample, series_uid=sample.series_uid or scan.series_uid)
        localiser.add(told, answer.image, grid(answer.subject, "input"), shown)
    if wanted.interactive and masks:
        for note in show_window(*drawn):
            print(f"note: {note}")
    return prediction


def _mask_quality(answer: Answer) -> dict[str, object] | None:
    """Figures and flags of the masks; None where the net looks at nodules, without a mask."""
    judged = answer.quality
    if not judged.figures:
        return None
    return judged.figures | {"flags": [one.code for one in judged.findings]}


def _candidates(predictor: Predictor, answer: Answer) -> dict[str, object]:
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
