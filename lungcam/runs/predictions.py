"""Pooled predictions of a split, and the files made from them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from lungcam.cohorts import Sample
from lungcam.files import write_text


@dataclass(frozen=True, eq=False)
class Predictions:
    """A split's samples and the net's answers.

    Attributes:
        samples: `N` samples, each with a label.
        logits: `(N,)`.
    """

    samples: Sequence[Sample]
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """`(N,)` in [0, 1]."""
        return probability(self.logits)

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
        diameters = [sample.diameter_mm for sample in self.samples]
        return {"diameter": np.array([np.nan if one is None else one for one in diameters])}


def probability(logit: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities."""
    return expit(np.asarray(logit, float))


def write_predictions(file: Path, splits: dict[str, Predictions]) -> None:
    """Write one row a sample: sample_id, patient_id, split, label, probability, logit."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["sample_id", "patient_id", "split", "label", "probability", "logit"])
    for name, predictions in splits.items():
        for sample, p, logit in zip(
            predictions.samples, predictions.probabilities, predictions.logits, strict=True
        ):
            table.writerow(
                [
                    sample.sample_id,
                    sample.patient_id,
                    name,
                    sample.label,
                    f"{p:.6f}",
                    f"{logit:.6f}",
                ]
            )
    write_text(file, text.getvalue())
