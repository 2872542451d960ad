"""Checkpoints as Lightning writes and reads them: with metadata, atomically, without paths."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from lungcam.runtime.atomic import atomic_write
from lungcam.training.checkpoint import METADATA_KEY

# placeholder of the run folder in a checkpoint's paths
RUN_FOLDER = "<run>"


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
