"""Checkpoints that carry all that prediction needs, as plain tensors and dicts."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from lungcam.config.instantiate import check_targets
from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.versions import TRAIN_COMMAND

# key of the metadata in a checkpoint
METADATA_KEY = "lungcam"
# allowed targets in a checkpoint, which may come from anyone
NET_TARGETS = ("lungcam.nets.", "monai.networks.nets.")
TRANSFORM_TARGETS = ("lungcam.transforms.", "torchio.")
# limits of a checkpoint's configuration, far above any real one
MAX_VALUES, MAX_DEPTH = 100_000, 50


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Load a checkpoint without executing any code in it.

    Raises:
        InputError: The file is not a checkpoint that lungcam wrote.
    """
    try:
        checkpoint = load_plain(file)
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(
            f"{file}: not a checkpoint of plain tensors and dicts; give one that lungcam wrote."
        ) from error
    if not isinstance(checkpoint, dict) or METADATA_KEY not in checkpoint:
        raise InputError(f"{file}: not written by lungcam; train with {TRAIN_COMMAND} first.")
    return checkpoint


def load_plain(file: Path) -> Any:
    """Load a file of plain tensors and dicts without executing any code in it.

    Raises:
        Exception: It is damaged or something else; torch raises nearly anything.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            # torch compresses nothing, and a few compressed bytes can fill the memory
            if any(member.compress_type for member in archive.infolist()):
                raise ValueError("a compressed archive")
    return torch.load(file, map_location="cpu", weights_only=True)


def check_metadata(file: Path, checkpoint: dict[str, Any]) -> None:
    """Refuse a checkpoint with incomplete or unsafe metadata before any object is made from it.

    Args:
        file: File of the checkpoint, for the message.
        checkpoint: From `load_checkpoint`.

    Raises:
        InputError: Metadata or weights are missing, or a target is neither a net nor a transform.
    """
    if not _is_complete(checkpoint):
        raise InputError(f"{file}: it does not say what its net is or reads; train again.")
    config = checkpoint[METADATA_KEY]["config"]
    _refuse_endless(file, config)
    parts = {"model": (config["model"], NET_TARGETS)}
    parts |= {
        f"transforms.{name}": (node, TRANSFORM_TARGETS)
        for name, node in config["transforms"].items()
    }
    for path, (node, allowed) in parts.items():
        try:
            check_targets(node, path, allowed=allowed)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        if "_target_" not in node or node.get("_partial_"):
            raise InputError(f"{file}: {path}: it must name what is made, whole.")


def _is_complete(checkpoint: dict[str, Any]) -> bool:
    """Return True if the metadata describe net, transforms, layer and label rule."""
    metadata = checkpoint[METADATA_KEY]
    config = metadata.get("config") if isinstance(metadata, dict) else None
    groups = ("model", "transforms", "explain")
    if not isinstance(config, dict) or not all(isinstance(config.get(k), dict) for k in groups):
        return False
    weights = checkpoint.get("state_dict")
    return (
        isinstance(metadata.get("label_rule"), str)
        and isinstance(config["explain"].get("layer"), str)
        and all(isinstance(node, dict) for node in config["transforms"].values())
        and isinstance(weights, dict)
        and all(isinstance(tensor, torch.Tensor) for tensor in weights.values())
    )


def _refuse_endless(file: Path, config: dict[str, Any]) -> None:
    """Refuse nested lists and dicts that would take too long to walk through."""
    stack, count = [(config, 0)], 0
    while stack:
        value, depth = stack.pop()
        children = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list | tuple):
            stack += [(child, depth + 1) for child in children]
        count += 1
        if count + len(stack) > MAX_VALUES or depth > MAX_DEPTH:
            raise InputError(f"{file}: its configuration is too large; give another checkpoint.")


def add_metadata(file: Path, **metadata: Any) -> None:
    """Add values to a checkpoint's metadata that are known only after training."""
    checkpoint = load_checkpoint(file)
    checkpoint[METADATA_KEY] = {**checkpoint[METADATA_KEY], **metadata}
    with atomic_write(file) as temporary:
        torch.save(checkpoint, temporary)
