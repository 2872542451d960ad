"""prediction.json: the record of one scan, and the request by which it is recognised."""

import hashlib
import json
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.cohorts import Sample
from lungcam.data import content_stamp
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import peaks
from lungcam.inference.predict import ScanPrediction
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.runtime.atomic import write_text

NAME = "prediction.json"
# keys of a finished scan that the table of predictions needs
TABLE_KEYS = ("probability", "logit", "label", "seen_in_training")


def request_digest(predictor: Predictor, sample: Sample, *, outputs: RequestedOutputs) -> str:
    """Digest everything that a scan's prediction and its files depend on.

    That is the checkpoint and how it explains, the scan's files by path, size and time of change,
    the known position, the requested files, the render options if there are pictures, and lungcam's
    version. The label is not part of it: it belongs to the table.

    Args:
        predictor: The trained net.
        sample: The scan.
        outputs: Requested files, and how pictures look.
    """
    # the keys are those of earlier versions, which have finished scans under them
    requested = asdict(outputs)
    look = requested.pop("render")
    # a window changes no file
    del requested["interactive"]
    if outputs.drawn:
        requested["look"] = look
    request = {
        "lungcam": __version__,
        "checkpoint": predictor.sha256,
        "explain": [predictor.layer, predictor.method, predictor.evidence],
        "image": _stamp(sample.image),
        "series": sample.series,
        "center_mm": sample.center_mm,
        "wanted": requested,
    }
    if outputs.erase or outputs.drawn:
        nodules = [asdict(nodule) for nodule in sample.nodules]
        request["lesion"] = [sample.diameter_mm, _stamp(sample.lesion_mask), nodules]
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def finished_record(folder: Path, request: str) -> dict[str, Any] | None:
    """Read `TABLE_KEYS` of a finished scan; None unless it was made by this very request."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if (
            isinstance(record, dict)
            and record.get("request") == request
            and record.keys() >= set(TABLE_KEYS)
        ):
            return {name: record[name] for name in TABLE_KEYS}
    return None


def prediction_record(
    predictor: Predictor,
    prepared: PreparedScan,
    *,
    prediction: ScanPrediction,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Return the content of prediction.json, without the scan's name, times and request."""
    peak_mm, _ = peaks(prediction.heat.values, prediction.heat.cells, max_peaks=1)
    probability = predictor.probability(prediction.logit)
    return {
        "probability": round(probability, 6),
        "logit": prediction.logit,
        **predictor.task.prediction(prediction.logits, predictor.probability),
        "label": int(probability >= predictor.threshold),
        "threshold": predictor.threshold,
        "label_rule": predictor.label_rule,
        "calibrated": predictor.calibration is not None,
        "series_uid": prepared.scan.series_uid,
        "explanation": {
            "method": predictor.method,
            "layer": predictor.layer.removeprefix("net."),
            "evidence": predictor.evidence,
            **predictor.explanation,
        },
        "heatmap_peak_ras_mm": [round(float(x), 2) for x in peak_mm[0]] if len(peak_mm) else None,
        **_candidates(predictor, prediction),
        "mask_quality": _mask_quality(prediction),
        "seen_in_training": prepared.pixels in predictor.pixels,
        "warnings": list(warnings),
        "checkpoint_sha256": predictor.sha256,
        "lungcam": __version__,
        "notice": RESEARCH_USE_ONLY,
    }


def write_prediction(folder: Path, record: dict[str, Any]) -> None:
    """Write prediction.json, the last of a scan's files: if it exists, the others are complete."""
    write_text(folder / NAME, json.dumps(record, indent=2) + "\n")


def peak_memory_mb() -> int:
    """Return the largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def _mask_quality(prediction: ScanPrediction) -> dict[str, Any] | None:
    """Return figures and flags of the masks; None if the net looks at nodules, without a mask."""
    quality = prediction.quality
    if not quality.figures:
        return None
    return quality.figures | {"flags": [finding.code for finding in quality.findings]}


def _candidates(predictor: Predictor, prediction: ScanPrediction) -> dict[str, Any]:
    """Return the most suspicious positions of a scan that was searched."""
    if prediction.candidates is None:
        return {}
    return {
        "candidates": [
            {
                "center_ras_mm": [round(x, 2) for x in candidate.center_mm],
                "map_height": round(candidate.height, 4),
                "probability": round(predictor.probability(candidate.logit), 6),
                "logit": candidate.logit,
            }
            for candidate in prediction.candidates
        ]
    }


def _stamp(path: Path | None) -> str | None:
    # a file that cannot be accessed is reported when it is read
    with suppress(OSError):
        return path and content_stamp(path)
    return None
