"""What is asked for of a scan, so that an answer is known again."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lungcam import __version__
from lungcam.cohorts import Sample
from lungcam.data import content_stamp
from lungcam.runs.prediction_file import NAME
from lungcam.runs.predictor import Predictor
from lungcam.runs.wanted import Wanted

# what the table of predictions takes from a finished scan
TOLD = ("probability", "logit", "label", "seen_in_training")


def request_digest(predictor: Predictor, sample: Sample, wanted: Wanted) -> str:
    """Digest all that a scan's answer and its files hang on.

    That is the checkpoint and how it explains, the scan's files by path, size and time of change,
    the place that is asked about, which files are wanted, how pictures look where there are any,
    and lungcam's version. The label is not among it: it is the table's.

    Args:
        predictor: The trained net.
        sample: The scan.
        wanted: Which files, and how pictures look.
    """
    told = {
        "lungcam": __version__,
        "checkpoint": predictor.sha256,
        "explain": [predictor.layer, predictor.method, predictor.evidence],
        "image": _stamp(sample.image),
        "series": sample.series,
        "center_mm": sample.center_mm,
        "wanted": asdict(wanted),
    }
    # a window changes no file
    del told["wanted"]["interactive"]
    if not wanted.drawn:
        del told["wanted"]["look"]
    if wanted.erase or wanted.drawn:
        nodules = [asdict(one) for one in sample.nodules]
        told["lesion"] = [sample.diameter_mm, _stamp(sample.lesion_mask), nodules]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, request: str) -> dict[str, object] | None:
    """What prediction.json says of a scan; None unless it answers this very request."""
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if isinstance(told, dict) and told.get("request") == request and told.keys() >= set(TOLD):
            return {name: told[name] for name in TOLD}
    return None


def _stamp(path: Path | None) -> str | None:
    # what cannot be looked at is named when it is read
    with suppress(OSError):
        return path and content_stamp(path)
    return None
