"""Checkpoints of detectors: plain tensors, with what they were trained on and their figures."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lungcam.config.early_checks import DETECTION
from lungcam.config.instantiate import instantiate
from lungcam.data import is_known
from lungcam.errors import InputError
from lungcam.metrics import Calibration
from lungcam.nets import DetectorNet, fold_batch_norms
from lungcam.runtime.atomic import atomic_write
from lungcam.training.bounded_net import bounded, load_weights
from lungcam.training.checkpoint import METADATA_KEY, check_metadata, load_checkpoint

LABEL_RULE = "a nodule that readers have outlined"


@dataclass(frozen=True, eq=False)
class Detector:
    """A trained detector.

    Attributes:
        net: Net in evaluation mode, with folded batch norms.
        calibration: From its logit to the probability that a candidate is a nodule.
        sha256: Hash of the checkpoint file.
        metadata: What else the checkpoint says.
    """

    net: DetectorNet
    calibration: Calibration
    sha256: str
    metadata: Mapping[str, Any]

    def knows(self, pixels: str, series_uid: str | None) -> bool:
        """Return True if it was trained on a scan; see `lungcam.data.is_known`."""
        return is_known(
            pixels,
            series_uid,
            known_pixels=self.metadata.get("pixels", ()),
            known_series=self.metadata.get("series", ()),
        )


def save_detector(file: Path, net: DetectorNet, *, metadata: Mapping[str, Any]) -> None:
    """Write a detector.

    Args:
        file: Checkpoint to write.
        net: The net.
        metadata: Plain values, with `config` as `train.py` composed it.
    """
    config = {key: metadata["config"][key] for key in ("model", "explain")}
    config |= {"task": DETECTION, "transforms": {}}
    state = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    checkpoint = {
        "state_dict": state,
        METADATA_KEY: {**metadata, "config": config, "label_rule": LABEL_RULE},
    }
    with atomic_write(file) as temporary:
        torch.save(checkpoint, temporary)


def load_detector(file: Path, device: torch.device) -> Detector:
    """Rebuild a detector from its checkpoint.

    Raises:
        InputError: The file holds no detector that fits this version.
    """
    checkpoint = load_checkpoint(file)
    check_metadata(file, checkpoint)
    metadata = checkpoint[METADATA_KEY]
    config = metadata["config"]
    with bounded(file, checkpoint["state_dict"]):
        net = instantiate(config["model"], "model", allowed=("lungcam.nets.",))
    if config.get("task") != DETECTION or not isinstance(net, DetectorNet):
        raise InputError(f"{file}: it holds no detector; train one with experiment=lidc_detect.")
    load_weights(file, net, checkpoint["state_dict"])
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Detector(
        net=fold_batch_norms(net.eval()).to(device, memory_format=torch.channels_last_3d),
        calibration=Calibration(**metadata.get("calibration", {})),
        sha256=digest,
        metadata=metadata,
    )
