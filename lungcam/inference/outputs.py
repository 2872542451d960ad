"""prediction.json: what is said of one scan."""

import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.explain import peaks
from lungcam.files import write_text
from lungcam.runs.answer import Answer
from lungcam.runs.predictor import Predictor
from lungcam.runs.ready import Ready

NAME = "prediction.json"


def describe(
    predictor: Predictor, ready: Ready, answer: Answer, warnings: Sequence[str]
) -> dict[str, object]:
    """What stands in prediction.json of any scan, but for its name, its times and its request."""
    places, _ = peaks(answer.heat.values, answer.heat.cells, most=1)
    probability = predictor.probability(answer.logit)
    return {
        "probability": round(probability, 6),
        "logit": answer.logit,
        **_risk(predictor, answer),
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


def _risk(predictor: Predictor, answer: Answer) -> dict[str, object]:
    """The risk within each year, by the year, of a net that tells them."""
    if answer.yearly is None:
        return {}
    risks = {str(k): predictor.probability(one) for k, one in enumerate(answer.yearly, start=1)}
    return {"risk": {year: round(risk, 6) for year, risk in risks.items()}}


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))
