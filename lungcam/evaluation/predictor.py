"""Predictor: a trained net, loaded from its checkpoint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchio as tio

from lungcam.config.instantiate import instantiate
from lungcam.errors import InputError
from lungcam.explain import Explainer
from lungcam.explain.options import check_explanation, check_layer
from lungcam.explain.reliability import FAILED
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet
from lungcam.tasks import Malignancy, Task, task_named
from lungcam.training.checkpoint import METADATA_KEY, check_metadata, load_checkpoint
from lungcam.transforms import background, pipeline

# explanation of earlier checkpoints, which carry a layer alone
DEFAULT_EXPLANATION = {"method": "gradcam", "evidence": "both"}
# columns for a net that was not trained on a table: no other column is taken for the label
DEFAULT_TABLE = {"columns": {"label": "label"}}


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictor:
    """A trained net with all that applies it to a scan, as its checkpoint carries it.

    Attributes:
        task: Task of the net.
        classifier: Trained net, on its device, in evaluation mode.
        transforms: Transforms from a scan to the net's input.
        layer: Layer that is explained, by its name in the classifier.
        method: One of `lungcam.explain.METHODS`.
        evidence: One of `lungcam.explain.EVIDENCE`.
        background: Value of the input where it shows nothing.
        label_rule: Meaning of label 1.
        threshold: Probability, calibrated if possible, from which a scan is called positive.
        calibration: From logit to probability; None if the checkpoint holds none.
        fitted_on: Number of validation samples that the calibration was fitted on, and of positives
            among them; None if the checkpoint does not hold them.
        sha256: Hash of the checkpoint file.
        table: Arguments of `lungcam.cohorts.table.read_samples`.
        pixels: Pixel hashes of the training and validation scans.
        explanation: `verdict` on the heat-maps and its `reasons`; `unchecked` if they were never
            judged.
    """

    task: Task
    classifier: LogitNet
    transforms: tio.Compose
    layer: str
    method: str
    evidence: str
    background: float
    label_rule: str
    threshold: float
    calibration: Calibration | None
    fitted_on: tuple[int, int] | None
    sha256: str
    table: Mapping[str, Any]
    pixels: frozenset[str]
    explanation: Mapping[str, Any]

    @property
    def explainer(self) -> Explainer:
        """Explainer of the classifier."""
        return Explainer(
            layer=self.layer, method=self.method, evidence=self.evidence, background=self.background
        )

    @property
    def mark(self) -> str | None:
        """Warning for pictures of heat-maps that failed their checks; None otherwise."""
        return FAILED if self.explanation["verdict"] == "failed" else None

    def probability(self, logit: float) -> float:
        """Return the probability of a logit, calibrated if possible."""
        return float((self.calibration or Calibration()).probability(logit))


def load_predictor(
    file: Path, device: torch.device, *, explain: Mapping[str, Any] | None = None
) -> Predictor:
    """Rebuild a trained net from its checkpoint.

    Args:
        file: Checkpoint that lungcam wrote.
        device: Device of the net.
        explain: Layer, method and evidence to use in place of those in the checkpoint; a value that
            is None or missing is taken from the checkpoint.

    Raises:
        InputError: The checkpoint is not from lungcam or does not fit this version, or the net has
            no such layer.
    """
    checkpoint = load_checkpoint(file)
    check_metadata(file, checkpoint)
    metadata = checkpoint[METADATA_KEY]
    config = metadata["config"]
    transforms = pipeline(
        {
            name: instantiate(node, f"transforms.{name}")
            for name, node in config["transforms"].items()
        }
    )
    task, classifier = _restore_classifier(file, checkpoint)
    explanation = _choose_explanation(file, config, classifier=classifier, explain=explain or {})
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Predictor(
        task=task,
        classifier=classifier.to(device).eval(),
        transforms=transforms,
        layer=f"net.{explanation['layer']}",
        method=explanation["method"],
        evidence=explanation["evidence"],
        background=background(transforms),
        label_rule=metadata["label_rule"],
        # a checkpoint of an unfinished run has no threshold yet
        threshold=metadata.get("threshold", 0.5),
        calibration=_calibration(file, metadata.get("calibration")),
        fitted_on=_fitted_on(metadata.get("calibration")),
        sha256=digest,
        table=config.get("table") or DEFAULT_TABLE,
        pixels=frozenset(metadata.get("pixels", ())),
        explanation=_verdict(file, metadata.get("explanation")),
    )


def _restore_classifier(file: Path, checkpoint: dict[str, Any]) -> tuple[Task, LogitNet]:
    """Return the task and the classifier with the checkpoint's weights."""
    config = checkpoint[METADATA_KEY]["config"]
    net = instantiate(config["model"], "model")
    try:
        # checkpoints of earlier versions have no other task
        task = task_named(config.get("task", Malignancy.name))
        classifier = task.logit_net(net)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    try:
        classifier.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise InputError(
            f"{file}: its weights do not fit its model; it was changed, or written by another "
            "version of lungcam: train again."
        ) from error
    return task, classifier


def _choose_explanation(
    file: Path, config: dict[str, Any], *, classifier: LogitNet, explain: Mapping[str, Any]
) -> dict[str, Any]:
    """Return layer, method and evidence: the requested ones, else those of the checkpoint."""
    requested = {name: value for name, value in explain.items() if value is not None}
    explanation = DEFAULT_EXPLANATION | config["explain"] | requested
    try:
        check_explanation(explanation)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    if "layer" in requested:
        shape = (config.get("view") or {}).get("shape")
        check_layer(classifier.net, explanation["layer"], shape=shape)
    return explanation


def _calibration(file: Path, values: Mapping[str, Any] | None) -> Calibration | None:
    """Read the calibration of a checkpoint; an unfinished run has none yet."""
    if values is None:
        return None
    try:
        return Calibration(float(values["slope"]), float(values["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: its calibration is no slope above 0 and intercept; train again."
        ) from error


def _fitted_on(values: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Read the counts that a calibration was fitted on; earlier checkpoints have none."""
    counts = tuple((values or {}).get(name) for name in ("n", "n_positive"))
    return counts if all(isinstance(count, int) for count in counts) else None


def _verdict(file: Path, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read the verdict on a checkpoint's heat-maps."""
    if values is None:
        return {"verdict": "unchecked", "reasons": ["The heat-maps were never judged."]}
    verdict = values.get("verdict") if isinstance(values, Mapping) else None
    reasons = values.get("reasons") if verdict in ("passed", "failed") else None
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise InputError(f"{file}: its verdict on heat-maps is invalid; train again.")
    return {"verdict": verdict, "reasons": reasons}
