"""metrics.json of scans whose labels a table tells."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.files import write_text
from lungcam.metrics import RULES, Calibration, summarise
from lungcam.runs.predictions import Predictions
from lungcam.runs.predictor import Predictor
from lungcam.runs.versions import versions


def write_metrics(
    file: Path,
    predictor: Predictor,
    samples: Sequence[Sample],
    answers: Sequence[Mapping[str, object]],
) -> None:
    """Write how well a net does on scans with labels, if there are any.

    Args:
        file: Where metrics.json goes; an earlier one is removed where no label is known.
        predictor: The net.
        samples: The scans that were predicted.
        answers: Their `logit` and whether they were `seen_in_training`.
    """
    known = [(s, one) for s, one in zip(samples, answers, strict=True) if s.label is not None]
    if not known:
        file.unlink(missing_ok=True)
        return
    told = Predictions(
        [s for s, _ in known],
        np.array([one["logit"] for _, one in known]),
        calibration=predictor.calibration or Calibration(),
    )
    metrics = {
        "test": summarise(
            told.labels, told.probabilities, told.patients, predictor.threshold, told.baselines
        ),
        "seen_in_training": sum(bool(one["seen_in_training"]) for one in answers),
        "label_rule": predictor.label_rule,
        "rules": RULES,
        "calibrated": predictor.calibration is not None,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_text(file, json.dumps(metrics, indent=2) + "\n")
