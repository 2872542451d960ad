"""Description that travels with an exported net: its input, its output and what they mean."""

from pathlib import Path
from typing import Any

from lungcam import RESEARCH_USE_ONLY
from lungcam.evaluation.predictor import Predictor
from lungcam.runtime.versions import versions
from lungcam.training.checkpoint import METADATA_KEY, load_checkpoint

# setting of transforms that clip HU
WINDOW = "window_hu"
AXES = (
    "(batch, 1, W, H, D) float32; W, H and D run along the patient's left-right, "
    "posterior-anterior and inferior-superior axes, RAS+ as in NIfTI"
)


def describe(file: Path, predictor: Predictor, *, shape: tuple[int, ...]) -> dict[str, Any]:
    """Describe a net so that another program can prepare its input and read its output.

    Args:
        file: Checkpoint of the net.
        predictor: The net.
        shape: `(W, H, D)` of its input.

    Returns:
        Plain dict: `input`, `transforms` (the nodes of the configuration, in order), `output`,
        `label_rule`, `calibration` and `threshold` (other tasks: `fit`), `explanation`,
        `versions` and the notice.
    """
    metadata = load_checkpoint(file)[METADATA_KEY]
    config = metadata["config"]
    view, transforms = config.get("view") or {}, config["transforms"]
    windows = [node[WINDOW] for node in transforms.values() if WINDOW in node]
    task, calibration = predictor.task, predictor.calibration
    fitted = {
        "calibration": calibration
        and {"slope": calibration.slope, "intercept": calibration.intercept},
        "threshold": predictor.threshold,
    }
    return {
        "notice": RESEARCH_USE_ONLY,
        "task": task.name,
        **({"task_state": task.state} if task.state else {}),
        "input": {
            "name": "image",
            "axes": AXES,
            "shape": list(shape),
            "spacing_mm": view.get("spacing_mm"),
            "view": view.get("name"),
            "window_hu": windows[-1] if windows else None,
            "background": predictor.background,
        },
        "transforms": transforms,
        "output": {
            "name": "logits",
            "meaning": task.output,
        },
        "label_rule": predictor.label_rule,
        **(fitted if task.has_positive else {"fit": dict(predictor.fit)}),
        "explanation": {"layer": predictor.layer.removeprefix("net."), **predictor.explanation},
        "checkpoint_sha256": predictor.sha256,
        "versions": {"trained": metadata.get("versions"), "exported": versions()},
    }
