"""prediction.json: the record of one scan, and the request by which it is recognised."""

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.cohorts import Sample
from lungcam.data import content_stamp
from lungcam.evaluation.ensemble import Ensemble
from lungcam.explain import peaks
from lungcam.inference.own_results import PREDICTION
from lungcam.inference.predict import ScanPrediction
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.search import RULE, detector_digest
from lungcam.runtime.atomic import write_json
from lungcam.transforms import shows_whole_chest

# key of a finished scan that the table of predictions needs in addition to the task's own
SEEN = "seen_in_training"
# key of what speaks for and against an answer, which earlier versions did not write
TRUST = "trust"
# the same of several nets
SPREAD_KEY = "probability_sd"


def request_digest(ensemble: Ensemble, sample: Sample, *, outputs: RequestedOutputs) -> str:
    """Digest everything that a scan's prediction and its files depend on.

    That is the checkpoints, how they explain and their mirror images, the scan's files by path,
    size and time of change, the known position, the requested files, the render options if there
    are pictures, and lungcam's version. The label is not part of it: it belongs to the table.

    Args:
        ensemble: The trained nets.
        sample: The scan.
        outputs: Requested files, and how pictures look.
    """
    # the keys are those of earlier versions, which have finished scans under them
    requested = asdict(outputs)
    look = requested.pop("render")
    # neither a window nor a check changes a file
    del requested["interactive"], requested["lesions"]
    if not outputs.keep_patient:
        del requested["keep_patient"]
    if not outputs.prior:
        del requested["prior"]
    if outputs.drawn:
        requested["look"] = look
    chosen = getattr(ensemble.nets[0].classifier, "chosen", None)
    request = {
        "lungcam": __version__,
        "checkpoint": ensemble.sha256,
        "explain": [
            *(ensemble.layer, ensemble.method, ensemble.evidence),
            *([] if chosen is None else [chosen]),
        ],
        "image": _stamp(sample.image),
        "series": sample.series,
        "center_mm": sample.center_mm,
        "wanted": requested,
    }
    if not shows_whole_chest(ensemble.transforms):
        request["detector"] = detector_digest()
    if ensemble.tta is not None:
        request["tta"] = ensemble.tta
    if sample.time is not None or sample.tilt != "straighten":
        request["reading"] = [sample.time, sample.tilt]
    if sample.lungs_mask is not None:
        request["lungs"] = [_stamp(sample.lungs_mask), sample.lungs_segment]
    if outputs.erase or outputs.drawn:
        nodules = [asdict(nodule) for nodule in sample.nodules]
        request["lesion"] = [sample.diameter_mm, _stamp(sample.lesion_mask), nodules]
        if sample.lesion_segment is not None:
            request["lesion"].append(sample.lesion_segment)
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def finished_record(folder: Path, request: str, *, keys: Sequence[str]) -> dict[str, Any] | None:
    """Read some keys of a finished scan; None unless it was made by this very request."""
    keys = (*keys, SEEN)
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads((folder / PREDICTION).read_text(encoding="utf-8"))
        if (
            isinstance(record, dict)
            and record.get("request") == request
            and record.keys() >= set(keys)
        ):
            return {name: record[name] for name in (*keys, SPREAD_KEY, TRUST) if name in record}
    return None


def prediction_record(
    ensemble: Ensemble,
    prepared: PreparedScan,
    *,
    prediction: ScanPrediction,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Return the content of prediction.json, without the scan's name, times and request."""
    peak_mm, _ = peaks(prediction.heat.values, prediction.heat.cells, max_peaks=1)
    return {
        TRUST: prediction.trust.as_record(),
        **ensemble.task.prediction(prediction.logits, ensemble.fit),
        **_each_net(ensemble, prepared, prediction=prediction),
        "label_rule": ensemble.label_rule,
        **({} if ensemble.card is None else {"model_card": ensemble.card}),
        "series_uid": prepared.scan.series_uid,
        "explanation": {
            "method": ensemble.method,
            "layer": ensemble.layer.removeprefix("net."),
            "evidence": ensemble.evidence,
            **({} if ensemble.task.has_positive else {"of": prediction.evidence}),
            **ensemble.explanation,
        },
        "heatmap_peak_ras_mm": [round(float(x), 2) for x in peak_mm[0]] if len(peak_mm) else None,
        **_candidates(ensemble, prediction),
        "mask_quality": _mask_quality(prediction),
        SEEN: prediction.seen,
        "warnings": list(warnings),
        "checkpoint_sha256": ensemble.sha256,
        "lungcam": __version__,
        "notice": RESEARCH_USE_ONLY,
    }


def write_prediction(folder: Path, record: dict[str, Any]) -> None:
    """Write prediction.json, the last of a scan's files: if it exists, the others are complete."""
    write_json(folder / PREDICTION, record)


def peak_memory_mb() -> int | None:
    """Return the largest resident memory of this process so far, in MB; None on Windows."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def _mask_quality(prediction: ScanPrediction) -> dict[str, Any] | None:
    """Return figures and flags of the masks; None if the net looks at nodules, without a mask."""
    quality = prediction.quality
    if not quality.figures:
        return None
    return quality.figures | {"flags": [finding.code for finding in quality.findings]}


def _each_net(
    ensemble: Ensemble, prepared: PreparedScan, *, prediction: ScanPrediction
) -> dict[str, Any]:
    """Return the answer of each net if there are several, their spread, and the mirror images."""
    record: dict[str, Any] = {} if ensemble.tta is None else {"tta": ensemble.tta}
    if ensemble.size == 1:
        return record
    answers = zip(ensemble.names, ensemble.nets, prediction.each_logit, strict=True)
    nets = [
        {
            "name": name,
            "probability": round(net.probability(logit), 6),
            "logit": logit,
            "threshold": net.threshold,
            "verdict": net.explanation["verdict"],
            "seen_in_training": net.knows(prepared.pixels, prepared.scan.series_uid),
            "checkpoint_sha256": net.sha256,
        }
        for name, net, logit in answers
    ]
    spread = np.std([net["probability"] for net in nets], ddof=1)
    return record | {
        "calibrated": ensemble.calibrated,
        SPREAD_KEY: round(float(spread), 6),
        "nets": nets,
    }


def _candidates(ensemble: Ensemble, prediction: ScanPrediction) -> dict[str, Any]:
    """Return the places that a search has found, and the rule of the scan's probability."""
    if prediction.candidates is None:
        return {}
    return {
        "calibrated": False,
        "search": {"rule": RULE, "detector_sha256": prediction.search.detector.sha256},
        "candidates": [
            {
                "center_ras_mm": [round(x, 2) for x in candidate.center_mm],
                "probability": round(candidate.suspicion, 6),
                "nodule": round(candidate.detected, 6),
                "rating": round(candidate.rating, 6),
                "rating_of_each_net": [
                    round(net.probability(logit), 6)
                    for net, logit in zip(ensemble.nets, candidate.net_logits, strict=True)
                ],
                "logit": candidate.logit,
                "diameter_mm": candidate.diameter_mm and round(candidate.diameter_mm, 1),
                **asdict(candidate.location),
            }
            for candidate in prediction.candidates
        ],
    }


def _stamp(path: Path | None) -> str | None:
    # a file that cannot be accessed is reported when it is read
    with suppress(OSError, ValueError):
        return path and content_stamp(path)
    return None
