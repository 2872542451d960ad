"""A trained net with all that it needs to be applied to a scan."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchio as tio

from lungcam.checkpoint import KEY, check_carried, load_checkpoint
from lungcam.classifier import Classifier
from lungcam.errors import InputError
from lungcam.metrics import Calibration
from lungcam.targets import instantiate
from lungcam.transforms import pipeline

# a net that was not trained on a table takes no other column for its label
TABLE = {"columns": {"label": "label"}}


@dataclass(frozen=True, eq=False)
class Predictor:
    """What a checkpoint carries.

    Attributes:
        classifier: The trained net, on its device, in evaluation mode.
        transforms: From a scan to the net's input.
        layer: Layer that Grad-CAM explains, by its name in the classifier.
        label_rule: What label 1 means.
        threshold: Probability, calibrated where it can be, from which a scan is called positive.
        calibration: From logit to probability; None where the checkpoint holds none.
        sha256: Of the checkpoint file.
        table: How a table's columns are read, as in `lungcam.cohorts.table.read_samples`.
        pixels: Pixel hashes of the scans it was trained or validated on.
        model: Configuration of the net, by which `untrained` makes it anew.
    """

    classifier: Classifier
    transforms: tio.Compose
    layer: str
    label_rule: str
    threshold: float
    calibration: Calibration | None
    sha256: str
    table: Mapping[str, Any]
    pixels: frozenset[str]
    model: Mapping[str, Any]

    def probability(self, logit: float) -> float:
        """Probability of a logit, calibrated where it can be."""
        return float((self.calibration or Calibration()).probability(logit))


def load_predictor(file: Path, device: torch.device) -> Predictor:
    """Rebuild a trained net from its checkpoint.

    Args:
        file: A checkpoint that lungcam wrote.
        device: Where the net shall run.

    Raises:
        InputError: The checkpoint is not lungcam's, or does not fit this version.
    """
    checkpoint = load_checkpoint(file)
    check_carried(file, checkpoint)
    carried = checkpoint[KEY]
    config = carried["config"]
    steps = {n: instantiate(node, f"transforms.{n}") for n, node in config["transforms"].items()}
    classifier = Classifier(instantiate(config["model"], "model"))
    try:
        classifier.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise InputError(
            f"{file}: its weights do not fit its model; it was changed, or written by another "
            "version of lungcam: train again."
        ) from error
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Predictor(
        classifier.to(device).eval(),
        pipeline(steps),
        f"net.{config['explain']['layer']}",
        carried["label_rule"],
        # a checkpoint of an unfinished run has no threshold yet
        carried.get("threshold", 0.5),
        _calibration(file, carried.get("calibration")),
        digest,
        config.get("table") or TABLE,
        frozenset(carried.get("pixels", ())),
        config["model"],
    )


def untrained(model: Mapping[str, Any], seed: int, device: torch.device | str) -> Classifier:
    """The same net with fresh weights, against which a trained one is held.

    Args:
        model: Configuration of the net.
        seed: Of its weights; no other random numbers are touched.
        device: Where it shall run.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(instantiate(dict(model), "model"))
    return classifier.to(device).eval()


def _calibration(file: Path, told: Mapping[str, Any] | None) -> Calibration | None:
    """Read what a checkpoint says of its calibration; an unfinished run has none yet."""
    if told is None:
        return None
    try:
        return Calibration(float(told["slope"]), float(told["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: its calibration is no slope above 0 and intercept; train again."
        ) from error
