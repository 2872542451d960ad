"""What a trained net says of validation and test, calibrated on validation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from lungcam.checkpoint import load_checkpoint
from lungcam.classifier import Classifier
from lungcam.data import ScanDataModule
from lungcam.errors import InputError
from lungcam.metrics import (
    CALIBRATION_RULE,
    YEARLY_CALIBRATION_RULE,
    Calibration,
    fit_platt,
    youden_threshold,
)
from lungcam.runs.predictions import Predictions
from lungcam.runs.risks import Risks, calibrated


@dataclass(frozen=True, eq=False)
class Answered:
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


def answer_splits(
    trainer: pl.Trainer, classifier: Classifier, data: ScanDataModule, best: Path
) -> Answered:
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
        predictions = {split: _labelled(data, split, one) for split, one in logits.items()}
        risks, rule = None, CALIBRATION_RULE
        calibration = fit_platt(predictions["val"].labels, predictions["val"].logits)
    else:
        risks = calibrated({split: Risks(data.splits[split], one) for split, one in logits.items()})
        calibration, rule = risks["val"].calibration, YEARLY_CALIBRATION_RULE
        predictions = {split: _labelled(data, split, one[:, -1]) for split, one in logits.items()}
    predictions = {k: replace(one, calibration=calibration) for k, one in predictions.items()}
    val = predictions["val"]
    threshold = youden_threshold(val.labels, val.probabilities)
    return Answered(predictions, risks, calibration, rule, threshold)


def _labelled(data: ScanDataModule, split: str, logits: np.ndarray) -> Predictions:
    """The answers to a split's samples that have a label, which stand first in it."""
    samples = [sample for sample in data.splits[split] if sample.label is not None]
    return Predictions(samples, logits[: len(samples)], data.crop_depths(split))


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
