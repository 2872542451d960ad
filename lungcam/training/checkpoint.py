"""Checkpoints that carry all that prediction needs, as plain tensors and dicts."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from lungcam.config.instantiate import check_targets
from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.versions import TRAIN_COMMAND

# key of the metadata in a checkpoint
METADATA_KEY = "lungcam"
# placeholder of the run folder in a checkpoint's paths
RUN_FOLDER = "<run>"
# allowed targets in a checkpoint, which may come from anyone
NET_TARGETS = ("lungcam.nets.", "monai.networks.nets.")
TRANSFORM_TARGETS = ("lungcam.transforms.", "torchio.")
# limits of a checkpoint's configuration, far above any real one
MAX_VALUES, MAX_DEPTH = 100_000, 50


class CheckpointMetadata(pl.Callback):
    """Add configuration and label rule to every checkpoint that Lightning writes.

    Absolute paths, such as that of the best epoch, become relative to the run folder, because a
    published checkpoint must not reveal anything about the computer. They become absolute again
    when training resumes, even if the run folder has moved.

    Args:
        metadata: Plain dict; `add_metadata` adds what is known only after training.
    """

    def __init__(self, metadata: dict[str, Any]):
        self.metadata = metadata

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the metadata, and make paths relative to the run folder."""
        checkpoint[METADATA_KEY] = self.metadata
        run = os.path.realpath(trainer.default_root_dir)

        def relative(text: str) -> str:
            return f"{RUN_FOLDER}/{os.path.relpath(text, run)}" if os.path.isabs(text) else text

        # a checkpoint of weights alone has no callbacks
        if "callbacks" in checkpoint:
            checkpoint["callbacks"] = _map_texts(checkpoint["callbacks"], relative)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the absolute paths, which Lightning compares."""
        run = os.path.realpath(trainer.default_root_dir)

        def absolute(text: str) -> str:
            inside = text.removeprefix(f"{RUN_FOLDER}/")
            return text if inside == text else os.path.normpath(os.path.join(run, inside))

        checkpoint["callbacks"] = _map_texts(checkpoint["callbacks"], absolute)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Copy nested dicts and lists, and apply a function to every text in them, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_map_texts(key, change): _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write checkpoints atomically, and load nothing but plain tensors and dicts.

    Lightning writes to the folder of temporary files and moves the result. If that folder is on
    another disk, the move is a copy, which a kill cuts short.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint."""
        with atomic_write(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Load a checkpoint without executing any code in it, whatever `weights_only` says."""
        return super().load_checkpoint(path, map_location, weights_only=True)


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint that `ckpt=` names: a file, or best.ckpt of a run folder.

    Raises:
        InputError: There is no such checkpoint.
    """
    if path.is_dir():
        file = path / "checkpoints" / "best.ckpt"
        if not file.is_file():
            raise InputError(f"{path}: no checkpoints/best.ckpt in it; give ckpt= a run folder.")
        return file
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; check ckpt=.")
    return path


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Load a checkpoint without executing any code in it.

    Raises:
        InputError: The file is not a checkpoint that lungcam wrote.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                # torch compresses nothing, and a few compressed bytes can fill the memory
                if any(member.compress_type for member in archive.infolist()):
                    raise ValueError("a compressed archive")
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(
            f"{file}: not a checkpoint of plain tensors and dicts; give one that lungcam wrote."
        ) from error
    if not isinstance(checkpoint, dict) or METADATA_KEY not in checkpoint:
        raise InputError(f"{file}: not written by lungcam; train with {TRAIN_COMMAND} first.")
    return checkpoint


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
