"""Pooled predictions of a split, and the files made from them.

The risks that a net tells of a split's people, censored ones among them.

What a trained net says of validation and test, calibrated on validation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from lungcam.cohorts import Sample
from lungcam.cohorts.survival import target_table
from lungcam.data import ScanDataModule
from lungcam.errors import InputError
from lungcam.metrics import (
    CALIBRATION_RULE,
    YEARLY_CALIBRATION_RULE,
    Calibration,
    ScoredSamples,
    fit_platt,
    fit_yearly_platt,
    risk_summary,
    youden_threshold,
)
from lungcam.runtime.atomic import write_table
from lungcam.training import Classifier
from lungcam.training.checkpoint import load_checkpoint

# before the name of a score that needs no network, as a column
BASELINE = "baseline_"


@dataclass(frozen=True, eq=False, kw_only=True)
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


def scored(answers: Predictions) -> ScoredSamples:
    """A fold's answers, on the calibrated scale, for `pool_folds` and `pool_seeds`."""
    return ScoredSamples(
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
        rows=(
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


@dataclass(frozen=True, eq=False)
class Risks:
    """A split's samples and the net's answers for each year.

    Attributes:
        samples: `N` samples with a time to event.
        logits: `(N, years)`, as the net gives them.
        calibration: From logit to risk; as it stands it changes nothing.
    """

    samples: Sequence[Sample]
    logits: np.ndarray
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def probabilities(self) -> np.ndarray:
        """`(N, years)` calibrated risks within each year, never decreasing."""
        return self.calibration.probability(self.logits)

    @property
    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """y_seq and y_mask, `(N, years)` each."""
        return target_table(self.samples, self.logits.shape[1])

    @property
    def patients(self) -> np.ndarray:
        """`(N,)` patient of each sample."""
        return np.array([sample.patient_id for sample in self.samples])


def calibrated(splits: Mapping[str, Risks]) -> dict[str, Risks]:
    """All splits with one calibration, fitted on validation, for all years."""
    val = splits["val"]
    happened, known = val.targets
    calibration = fit_yearly_platt(val.logits, happened, known, val.patients)
    return {name: replace(found, calibration=calibration) for name, found in splits.items()}


def risk_figures(
    risks: Risks, baselines: Mapping[str, np.ndarray], *, seed: int
) -> dict[str, object]:
    """What metrics.json says of a split's risks; see `lungcam.metrics.risk_summary`."""
    happened, known = risks.targets
    return risk_summary(
        risks.probabilities,
        known,
        happened,
        np.array([sample.time_days for sample in risks.samples], float),
        np.array([sample.event for sample in risks.samples], bool),
        risks.patients,
        baselines,
        seed,
    )


def write_risks(file: Path, splits: Mapping[str, Risks]) -> None:
    """Write one row a sample: its time to event and the calibrated risk within each year."""
    years = next(iter(splits.values())).logits.shape[1]
    names = [f"risk_{k}" for k in range(1, years + 1)]
    write_table(
        file,
        ("sample_id", "patient_id", "split", "label", "time_days", "event", *names),
        rows=(
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "split": split,
                "label": sample.label,
                "time_days": sample.time_days,
                "event": int(sample.event),
                **{name: f"{risk:.9g}" for name, risk in zip(names, row, strict=True)},
            }
            for split, found in splits.items()
            for sample, row in zip(found.samples, found.probabilities, strict=True)
        ),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitPredictions:
    """The answers to both splits.

    Attributes:
        predictions: To the samples with a label, by split.
        risks: Of each year, of all samples, by split; None where the label is learnt.
        calibration: From logit to probability.
        calibration_rule: How it was fitted.
        threshold: Probability from which a sample is called positive.
    """

    predictions: Mapping[str, Predictions]
    risks: Mapping[str, Risks] | None
    calibration: Calibration
    calibration_rule: str
    threshold: float


def predict_splits(
    trainer: pl.Trainer, classifier: Classifier, *, data: ScanDataModule, best: Path
) -> SplitPredictions:
    """Predict both splits with the best epoch's weights, which the net takes on.

    Args:
        trainer: That has trained.
        classifier: The net.
        data: After `setup`.
        best: The checkpoint.

    Raises:
        InputError: The training diverged.
    """
    weights = load_checkpoint(best)["state_dict"]
    _refuse_diverged(weights.values())
    classifier.load_state_dict(weights)
    batches = trainer.predict(classifier, datamodule=data)
    # Lightning leaves the net as it was in training, and to run it so would move its weights
    classifier.eval()
    _refuse_diverged(logits for split in batches for logits in split)
    logits = {
        split: torch.cat(found).float().cpu().numpy()
        for split, found in zip(("val", "test"), batches, strict=True)
    }
    if data.years is None:
        predictions = {split: _labelled(data, split, logits=one) for split, one in logits.items()}
        risks, rule = None, CALIBRATION_RULE
        calibration = fit_platt(predictions["val"].labels, predictions["val"].logits)
    else:
        risks = calibrated({split: Risks(data.splits[split], one) for split, one in logits.items()})
        calibration, rule = risks["val"].calibration, YEARLY_CALIBRATION_RULE
        predictions = {
            split: _labelled(data, split, logits=one[:, -1]) for split, one in logits.items()
        }
    predictions = {k: replace(one, calibration=calibration) for k, one in predictions.items()}
    val = predictions["val"]
    threshold = youden_threshold(val.labels, val.probabilities)
    return SplitPredictions(
        predictions=predictions,
        risks=risks,
        calibration=calibration,
        calibration_rule=rule,
        threshold=threshold,
    )


def _labelled(data: ScanDataModule, split: str, *, logits: np.ndarray) -> Predictions:
    """The answers to a split's samples that have a label, which stand first in it."""
    samples = [sample for sample in data.splits[split] if sample.label is not None]
    return Predictions(
        samples=samples, logits=logits[: len(samples)], crop_depths=data.crop_depths(split)
    )


def _refuse_diverged(tensors: Iterable[torch.Tensor]) -> None:
    """Refuse a net whose weights, or whose answers, are not numbers.

    Raises:
        InputError: A value is NaN or infinite.
    """
    if not all(torch.isfinite(tensor).all() for tensor in tensors):
        raise InputError(
            "the training diverged: the best epoch's net is not a number (NaN); lower "
            "optimizer.lr, or set trainer.gradient_clip_val=1."
        )
