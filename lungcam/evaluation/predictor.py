"""A trained net with all that it needs to be applied to a scan."""

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
from lungcam.tasks import Malignancy, Task, task_named
from lungcam.training.checkpoint import METADATA_KEY, check_metadata, load_checkpoint
from lungcam.training.classifier import Classifier
from lungcam.transforms import background, pipeline

# of checkpoints that carry no more than a layer
EXPLAIN = {"method": "gradcam", "evidence": "both"}
# a net that was not trained on a table takes no other column for its label
TABLE = {"columns": {"label": "label"}}


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictor:
    """What a checkpoint carries.

    Attributes:
        task: Task that the net was trained for.
        classifier: The trained net, on its device, in evaluation mode.
        transforms: From a scan to the net's input.
        layer: Layer that is explained, by its name in the classifier.
        method: One of `lungcam.explain.METHODS`.
        evidence: One of `lungcam.explain.EVIDENCE`.
        background: What the input holds where it shows nothing.
        label_rule: What label 1 means.
        threshold: Probability, calibrated where it can be, from which a scan is called positive.
        calibration: From logit to probability; None where the checkpoint holds none.
        fitted_on: Validation samples that the calibration was fitted on, and positives among them;
            None where the checkpoint does not tell.
        sha256: Of the checkpoint file.
        table: How a table's columns are read, as in `lungcam.cohorts.table.read_samples`.
        pixels: Pixel hashes of the scans it was trained or validated on.
        explanation: `verdict` on its heat-maps and the `reasons`; `unchecked` where it was never
            judged.
    """

    task: Task
    classifier: Classifier
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
        """Makes the classifier's maps."""
        return Explainer(
            layer=self.layer, method=self.method, evidence=self.evidence, background=self.background
        )

    @property
    def mark(self) -> str | None:
        """What stands in pictures of a heat-map that failed its checks."""
        return FAILED if self.explanation["verdict"] == "failed" else None

    def probability(self, logit: float) -> float:
        """Probability of a logit, calibrated where it can be."""
        return float((self.calibration or Calibration()).probability(logit))


def load_predictor(
    file: Path, device: torch.device, *, explain: Mapping[str, Any] | None = None
) -> Predictor:
    """Rebuild a trained net from its checkpoint.

    Args:
        file: A checkpoint that lungcam wrote.
        device: Where the net shall run.
        explain: What is wanted in place of the explanation that the checkpoint carries: layer,
            method, evidence. None, or no such key: as it carries it.

    Raises:
        InputError: The checkpoint is not lungcam's, or does not fit this version, or the net has no
            such layer.
    """
    checkpoint = load_checkpoint(file)
    check_metadata(file, checkpoint)
    carried = checkpoint[METADATA_KEY]
    config = carried["config"]
    steps = {n: instantiate(node, f"transforms.{n}") for n, node in config["transforms"].items()}
    net = instantiate(config["model"], "model")
    try:
        # checkpoints of earlier versions know no other task
        task = task_named(config.get("task", Malignancy.name))
        classifier = task.classifier(net)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    try:
        classifier.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise InputError(
            f"{file}: its weights do not fit its model; it was changed, or written by another "
            "version of lungcam: train again."
        ) from error
    wanted = {key: one for key, one in (explain or {}).items() if one is not None}
    told = EXPLAIN | config["explain"] | wanted
    try:
        check_explanation(told)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    if "layer" in wanted:
        check_layer(classifier.net, told["layer"], shape=(config.get("view") or {}).get("shape"))
    transforms = pipeline(steps)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Predictor(
        task=task,
        classifier=classifier.to(device).eval(),
        transforms=transforms,
        layer=f"net.{told['layer']}",
        method=told["method"],
        evidence=told["evidence"],
        background=background(transforms),
        label_rule=carried["label_rule"],
        # a checkpoint of an unfinished run has no threshold yet
        threshold=carried.get("threshold", 0.5),
        calibration=_calibration(file, carried.get("calibration")),
        fitted_on=_fitted_on(carried.get("calibration")),
        sha256=digest,
        table=config.get("table") or TABLE,
        pixels=frozenset(carried.get("pixels", ())),
        explanation=_explanation(file, carried.get("explanation")),
    )


def _calibration(file: Path, values: Mapping[str, Any] | None) -> Calibration | None:
    """Read what a checkpoint says of its calibration; an unfinished run has none yet."""
    if values is None:
        return None
    try:
        return Calibration(float(values["slope"]), float(values["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: its calibration is no slope above 0 and intercept; train again."
        ) from error


def _fitted_on(values: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Read what a calibration was fitted on; earlier checkpoints do not tell."""
    counts = tuple((values or {}).get(name) for name in ("n", "n_positive"))
    return counts if all(isinstance(one, int) for one in counts) else None


def _explanation(file: Path, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read the verdict on a checkpoint's heat-maps."""
    if values is None:
        return {"verdict": "unchecked", "reasons": ["The heat-maps were never judged."]}
    verdict = values.get("verdict") if isinstance(values, Mapping) else None
    reasons = values.get("reasons") if verdict in ("passed", "failed") else None
    if not isinstance(reasons, list) or not all(isinstance(one, str) for one in reasons):
        raise InputError(f"{file}: its verdict on heat-maps is none; train again.")
    return {"verdict": verdict, "reasons": reasons}
