"""Pooled predictions of a split, and the files made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lungcam.cohorts import Sample
from lungcam.files import write_table
from lungcam.metrics import Calibration, Scored

# before the name of a score that needs no network, as a column
BASELINE = "baseline_"


@dataclass(frozen=True, eq=False)
class Predictions:
    """A split's samples and the net's answers.

    Attributes:
        samples: `N` samples, each with a label.
        logits: `(N,)`, as the net gives them.
        crop_depths: Size from foot to head, in mm, of the images that are crops, by sample_id.
        calibration: From logit to probability; as it stands it changes nothing.
    """

    samples: Sequence[Sample]
    logits: np.ndarray
    crop_depths: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def probabilities(self) -> np.ndarray:
        """`(N,)` in [0, 1], calibrated."""
        return self.calibration.probability(self.logits)

    @property
    def labels(self) -> np.ndarray:
        """`(N,)` of 0 and 1."""
        return np.array([sample.label for sample in self.samples])

    @property
    def patients(self) -> np.ndarray:
        """`(N,)` patient of each sample."""
        return np.array([sample.patient_id for sample in self.samples])

    @property
    def baselines(self) -> dict[str, np.ndarray]:
        """Scores `(N,)` that need no network; NaN where unknown."""
        return known_scores(self.samples, self.crop_depths)


def known_scores(
    samples: Sequence[Sample], crop_depths: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Scores `(N,)` of samples that need no network; NaN where unknown."""
    scores = {
        "diameter": [sample.diameter_mm for sample in samples],
        "crop_depth": [crop_depths.get(sample.sample_id) for sample in samples],
    }
    for name in sorted({name for sample in samples for name in sample.features}):
        scores[name] = [sample.features.get(name) for sample in samples]
    return {name: np.array(found, float) for name, found in scores.items()}


def scored(answers: Predictions) -> Scored:
    """A fold's answers, on the calibrated scale, for `pool_folds` and `pool_seeds`."""
    return Scored(
        np.array([sample.sample_id for sample in answers.samples]),
        answers.labels,
        answers.calibration.logit(answers.logits),
        answers.patients,
        answers.baselines,
    )


def write_predictions(file: Path, splits: dict[str, Predictions]) -> None:
    """Write one row a sample: sample_id, patient_id, split, label, probability, logit.

    The probability is calibrated, the logit is the net's own. What needs no network stands behind
    them, as `baseline_diameter` and so on, empty where it is unknown.
    """
    names = sorted({name for found in splits.values() for name in found.baselines})
    write_table(
        file,
        (
            *("sample_id", "patient_id", "split", "label", "probability", "logit"),
            *(f"{BASELINE}{name}" for name in names),
        ),
        (
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "split": name,
                "label": sample.label,
                # a score for `compare`: near 0 six decimals would make many alike
                "probability": f"{p:.9g}",
                "logit": f"{logit:.6f}",
                **{
                    f"{BASELINE}{one}": scores[row]
                    for one, scores in found.baselines.items()
                    if not np.isnan(scores[row])
                },
            }
            for name, found in splits.items()
            for row, (sample, p, logit) in enumerate(
                zip(found.samples, found.probabilities, found.logits, strict=True)
            )
        ),
    )
