"""Predictor: a trained net, loaded from its checkpoint."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torchio as tio

from lungcam.config.aliases import update_targets
from lungcam.config.instantiate import foreign_targets, instantiate
from lungcam.config.paths import CARDS, WEIGHTS
from lungcam.config.plugins import find_plugin
from lungcam.data import is_known
from lungcam.errors import InputError
from lungcam.evaluation.track_record import TrackRecord, read_track_record
from lungcam.explain import Explainer
from lungcam.explain.options import AUTO, check_explanation, check_layer, choose_layer
from lungcam.explain.reliability import FAILED
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet
from lungcam.runtime.isolation import isolated
from lungcam.tasks import Fit, Malignancy, Task, task_named
from lungcam.training.bounded_net import bounded, load_weights
from lungcam.training.checkpoint import (
    METADATA_KEY,
    NET_TARGETS,
    TRANSFORM_TARGETS,
    check_metadata,
    load_checkpoint,
    without_downloads,
)
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
        fit: What the task fitted to the validation split; see `lungcam.tasks.Task.fit`.
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
        preparation: Configuration of the transforms, by which nets are compared.
        card: File of the model card, of a net that comes with lungcam; None for others.
        record: What it has learnt from, and its scores.
        series: Hashes of their series, as `lungcam.data.series_hashes` gives them.
    """

    task: Task
    fit: Fit
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
    preparation: Mapping[str, Any] = field(default_factory=dict)
    card: str | None = None
    record: TrackRecord = field(default_factory=TrackRecord)
    series: frozenset[str] = frozenset()

    def knows(self, pixels: str, series_uid: str | None) -> bool:
        """Return True if it was trained or validated on a scan; see `lungcam.data.is_known`."""
        return is_known(pixels, series_uid, known_pixels=self.pixels, known_series=self.series)

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
    file: Path,
    device: torch.device,
    *,
    explain: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
) -> Predictor:
    """Rebuild a trained net from its checkpoint.

    Args:
        file: Checkpoint that lungcam wrote.
        device: Device of the net.
        explain: Layer, method, evidence and class to use in place of those in the checkpoint; a
            value that is None or missing is taken from the checkpoint.
        plugins: Files and modules with code of the net that is not lungcam's; it is imported if it
            is the code that the net was trained with.

    Raises:
        InputError: The checkpoint is not from lungcam or does not fit this version, a plug-in is
            missing, or the net has no such layer.
    """
    checkpoint = load_checkpoint(file)
    own = check_metadata(file, checkpoint, plugins=[find_plugin(name) for name in plugins])
    metadata = checkpoint[METADATA_KEY]
    config = metadata["config"]
    transforms = _restore_transforms(file, config, allowed=(*TRANSFORM_TARGETS, *own))
    task, classifier = _restore_classifier(file, checkpoint, allowed=(*NET_TARGETS, *own))
    calibration = _calibration(file, metadata.get("calibration"))
    explanation = _choose_explanation(file, config, classifier=classifier, explain=explain or {})
    try:
        fit = task.read_fit(metadata)
        task.choose(classifier, explanation.get("class_name"))
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Predictor(
        task=task,
        fit=fit,
        classifier=classifier.to(device).eval(),
        transforms=transforms,
        layer=f"net.{explanation['layer']}",
        method=explanation["method"],
        evidence=explanation["evidence"],
        background=background(transforms),
        label_rule=metadata["label_rule"],
        # a checkpoint of an unfinished run has no threshold yet
        threshold=metadata.get("threshold", 0.5),
        calibration=calibration,
        fitted_on=_fitted_on(metadata.get("calibration")),
        sha256=digest,
        table=config.get("table") or DEFAULT_TABLE,
        pixels=frozenset(metadata.get("pixels", ())),
        series=frozenset(metadata.get("series", ())),
        explanation=_verdict(file, metadata.get("explanation")),
        preparation=update_targets(config["transforms"]),
        card=_card(file),
        record=read_track_record(metadata),
    )


def _card(file: Path) -> str | None:
    """Return the model card of a net that comes with lungcam."""
    if file.parent != WEIGHTS:
        return None
    return next((card for begin, card in CARDS.items() if file.name.startswith(begin)), None)


def _restore_classifier(
    file: Path, checkpoint: dict[str, Any], *, allowed: Sequence[str]
) -> tuple[Task, LogitNet]:
    """Return the task and the classifier with the checkpoint's weights."""
    config = checkpoint[METADATA_KEY]["config"]
    model = without_downloads(file, config["model"])
    # code of the user's own runs on their word, and may read what lies next to it
    is_own = bool(foreign_targets(model))
    isolation = nullcontext() if is_own else isolated(f"{file}: its model")
    weights = checkpoint["state_dict"]
    try:
        with isolation, bounded(file, weights):
            net = instantiate(model, "model", allowed=allowed)
    except InputError as error:
        raise _naming(file, error) from error
    except Exception as error:
        if is_own:
            raise
        # MONAI's nets refuse settings by any error
        raise InputError(f"{file}: its model cannot be made ({error}); train again.") from error
    try:
        # checkpoints of earlier versions have no other task
        task = task_named(config.get("task", Malignancy.name), allowed=allowed)
        state = checkpoint[METADATA_KEY].get("task")
        task = task.restored(state if isinstance(state, Mapping) else {})
        with bounded(file, weights):
            classifier = task.logit_net(net)
    except (InputError, RuntimeError) as error:
        # such as a net for pictures
        raise _naming(file, error) from error
    load_weights(file, classifier, weights)
    return task, classifier


def _restore_transforms(
    file: Path, config: dict[str, Any], *, allowed: Sequence[str]
) -> tio.Compose:
    """Return the transforms of a checkpoint.

    Raises:
        InputError: A transform refuses its settings.
    """
    try:
        return pipeline(
            {
                name: instantiate(node, f"transforms.{name}", allowed=allowed)
                for name, node in config["transforms"].items()
            }
        )
    except InputError as error:
        raise _naming(file, error) from error
    except Exception as error:
        if foreign_targets({"parts": list(config["transforms"].values())}):
            raise
        raise InputError(
            f"{file}: its transforms cannot be made ({error}); train again."
        ) from error


def _naming(file: Path, error: Exception) -> InputError:
    """Return an error that names the checkpoint, once."""
    message = str(error)
    return InputError(message if message.startswith(str(file)) else f"{file}: {message}")


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
        view = config.get("view") or {}
        shape = view.get("shape")
        if requested["layer"] == AUTO and shape is not None:
            layer = choose_layer(classifier.net, shape=shape, spacing_mm=view["spacing_mm"])
            return explanation | {"layer": layer}
        check_layer(classifier.net, explanation["layer"], shape=shape)
    return explanation


def _calibration(file: Path, values: Mapping[str, Any] | None) -> Calibration | None:
    """Read the calibration of a checkpoint; None of an unfinished run, or where it would hurt."""
    if values is None or values.get("applied") is False:
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
