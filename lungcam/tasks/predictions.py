"""Predictions of a split, and the table of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.cohorts import Sample
from lungcam.metrics import Calibration, summarise
from lungcam.metrics.logistic import LogisticScore
from lungcam.runtime.atomic import write_table

# prefix of the columns of scores that need no network
BASELINE = "baseline_"
# baseline of several numbers together, and these numbers
CLINICAL = "clinical"
PERSON = ("diameter", "age", "sex")


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitSamples:
    """Samples of a split, with what is known of them without a net.

    Attributes:
        samples: `N` samples.
        crop_depths: Size from foot to head, in mm, of the images that are crops, by sample_id.
        clinical: Logit of diameter, age and sex together, fitted to the training split; None where
            neither age nor sex is known.
        of_folds: True if the net is one of several folds, which share one scale.
    """

    samples: Sequence[Sample]
    crop_depths: Mapping[str, float] = field(default_factory=dict)
    clinical: LogisticScore | None = None
    of_folds: bool = False

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
        """Scores `(N,)` that need no network, by name; NaN where unknown."""
        scores = {
            "diameter": [sample.diameter_mm for sample in self.samples],
            "crop_depth": [self.crop_depths.get(sample.sample_id) for sample in self.samples],
        }
        for name in sorted({name for sample in self.samples for name in sample.features}):
            scores[name] = [sample.features.get(name) for sample in self.samples]
        scores = {name: np.array(values, float) for name, values in scores.items()}
        together = self.clinical and self.clinical(scores)
        return scores if together is None else scores | {CLINICAL: together}

    @property
    def person(self) -> dict[str, np.ndarray]:
        """Diameter, age and sex, `(N,)` by name, as far as they are known, for `clinical`.

        Empty unless age or sex is known, together with another of these.
        """
        scores = self.baselines
        known = [name for name in PERSON if not np.isnan(scores.get(name, np.nan)).all()]
        return {name: scores[name] for name in known} if len(known) > 1 else {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(SplitSamples):
    """Samples of a split, and a net's logits for them.

    Attributes:
        logits: `(N,)` as the net gives them, or `(N, K)` of a net with several; of a label of 0 and
            1 the last of them is the logit of label 1.
        calibration: From logit to probability of label 1; the default changes nothing.
    """

    logits: np.ndarray
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated probabilities in [0, 1], of the shape of the logits."""
        return self.calibration.probability(self.logits)

    @property
    def labelled(self) -> "Predictions":
        """Predictions of label 1, for the samples with a label."""
        logits = self.logits if self.logits.ndim == 1 else self.logits[:, -1]
        rows = [row for row, sample in enumerate(self.samples) if sample.label is not None]
        samples = [self.samples[row] for row in rows]
        return replace(self, samples=samples, logits=logits[rows])

    def calibrated(self, calibration: Calibration) -> "Predictions":
        """Return the same predictions with a calibration."""
        return replace(self, calibration=calibration)

    def summarise(self, *, threshold: float, seed: int = 0) -> dict[str, Any]:
        """Compute the figures of label 1; see `lungcam.metrics.summarise`.

        Args:
            threshold: Operating threshold.
            seed: Seed of the bootstrap.
        """
        return summarise(
            self.labels,
            self.probabilities,
            patients=self.patients,
            threshold=threshold,
            baselines=self.baselines,
            seed=seed,
        )


def write_predictions(file: Path, splits: Mapping[str, Predictions]) -> None:
    """Write a row for each sample: sample_id, patient_id, split, label, probability, logit.

    The probability is calibrated, the logit is the net's own. Scores that need no network follow as
    `baseline_diameter` and so on, empty where unknown.
    """
    write_answers(
        file,
        splits,
        columns=("label", "probability", "logit"),
        answers={
            split: [
                {
                    "label": sample.label,
                    # a score for `compare`: near 0 six decimals would make many alike
                    "probability": f"{probability:.9g}",
                    "logit": f"{logit:.6f}",
                }
                for sample, probability, logit in zip(
                    predictions.samples,
                    predictions.probabilities,
                    predictions.logits,
                    strict=True,
                )
            ]
            for split, predictions in splits.items()
        },
    )


def write_answers(
    file: Path,
    splits: Mapping[str, SplitSamples],
    *,
    columns: Sequence[str],
    answers: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Write a row for each sample: sample_id, patient_id, split, these columns, the baselines.

    Args:
        file: The table.
        splits: Samples by split.
        columns: Names of the answers.
        answers: Values by column of each sample, by split.
    """
    baselines = {split: members.baselines for split, members in splits.items()}
    names = sorted({name for scores in baselines.values() for name in scores})
    write_table(
        file,
        ("sample_id", "patient_id", "split", *columns, *(f"{BASELINE}{name}" for name in names)),
        rows=(
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "split": split,
                **answer,
                **{
                    f"{BASELINE}{name}": scores[row]
                    for name, scores in baselines[split].items()
                    if not np.isnan(scores[row])
                },
            }
            for split, members in splits.items()
            for row, (sample, answer) in enumerate(
                zip(members.samples, answers[split], strict=True)
            )
        ),
    )
