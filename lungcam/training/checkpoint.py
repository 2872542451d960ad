"""Checkpoints that carry all that prediction needs, as plain tensors and plain dicts."""

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

KEY = "lungcam"
# stands in a checkpoint for the folder of its run
RUN = "<run>"
# all that a checkpoint may have made: it may come from anyone
NETS = ("lungcam.nets.", "monai.networks.nets.")
STEPS = ("lungcam.transforms.", "torchio.")
# of a configuration: far more than any has
MOST_VALUES, DEEPEST = 100_000, 50


class CheckpointMetadata(pl.Callback):
    """Puts the plain config and the label rule into every checkpoint that Lightning writes.

    And takes absolute paths out, such as Lightning's notes on where the best epoch lies: a
    checkpoint that is given away shall tell nothing of the computer. They come back, for wherever
    the run folder lies then, when training goes on.

    Args:
        metadata: Plain dict; `amend` adds what is known only after training.
    """

    def __init__(self, metadata: dict[str, Any]):
        self.metadata = metadata

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the metadata, and write paths relative to the run folder."""
        checkpoint[KEY] = self.metadata
        run = os.path.realpath(trainer.default_root_dir)

        def relative(text: str) -> str:
            return f"{RUN}/{os.path.relpath(text, run)}" if os.path.isabs(text) else text

        # one of the weights alone has no callbacks
        if "callbacks" in checkpoint:
            checkpoint["callbacks"] = _map_texts(checkpoint["callbacks"], relative)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Give Lightning, which compares them, the absolute paths back."""
        run = os.path.realpath(trainer.default_root_dir)

        def absolute(text: str) -> str:
            inside = text.removeprefix(f"{RUN}/")
            return text if inside == text else os.path.normpath(os.path.join(run, inside))

        checkpoint["callbacks"] = _map_texts(checkpoint["callbacks"], absolute)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Copy nested dicts and lists with every text in them changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_map_texts(k, change): _map_texts(one, change) for k, one in value.items()}
    if isinstance(value, list):
        return [_map_texts(one, change) for one in value]
    return value


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints whole or not at all, and loads nothing but plain tensors and dicts.

    Lightning's own way writes to the folder of temporary files and moves the result, which is a
    copy, that a kill cuts short, where this folder lies on another disk.
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
        """Load a checkpoint, always without running anything that it holds."""
        return super().load_checkpoint(path, map_location, weights_only=True)


def find_checkpoint(path: Path) -> Path:
    """Find the checkpoint file that `ckpt=` names: a file, or a run folder with a best.ckpt.

    Raises:
        InputError: There is none.
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
    """Load a checkpoint without running anything that it holds.

    Raises:
        InputError: Not a checkpoint that lungcam wrote.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                # torch packs nothing, and a few packed bytes can fill the memory
                if any(member.compress_type for member in archive.infolist()):
                    raise ValueError("a packed archive")
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(
            f"{file}: not a checkpoint of plain tensors and dicts; give one that lungcam wrote."
        ) from error
    if not isinstance(checkpoint, dict) or KEY not in checkpoint:
        raise InputError(f"{file}: not written by lungcam; train with {TRAIN_COMMAND} first.")
    return checkpoint


def check_carried(file: Path, checkpoint: dict[str, Any]) -> None:
    """Refuse, before anything is made from it, a checkpoint that does not carry what it should.

    Args:
        file: Where it was loaded from, for the message.
        checkpoint: From `load_checkpoint`.

    Raises:
        InputError: It lacks something, or names something else than nets and transforms.
    """
    carried = checkpoint[KEY]
    config = carried.get("config") if isinstance(carried, dict) else None
    whole_config = isinstance(config, dict) and all(
        isinstance(config.get(name), dict) for name in ("model", "transforms", "explain")
    )
    weights = checkpoint.get("state_dict")
    if (
        not whole_config
        or not isinstance(carried.get("label_rule"), str)
        or not isinstance(config["explain"].get("layer"), str)
        or not all(isinstance(one, dict) for one in config["transforms"].values())
        or not isinstance(weights, dict)
        or not all(isinstance(one, torch.Tensor) for one in weights.values())
    ):
        raise InputError(f"{file}: it does not say what its net is or reads; train again.")
    _refuse_endless(file, config)
    parts = {"model": (config["model"], NETS)}
    parts |= {f"transforms.{name}": (one, STEPS) for name, one in config["transforms"].items()}
    for at, (node, homes) in parts.items():
        try:
            check_targets(node, at, allowed=homes)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        if "_target_" not in node or node.get("_partial_"):
            raise InputError(f"{file}: {at}: it must name what is made, whole.")


def _refuse_endless(file: Path, config: dict[str, Any]) -> None:
    """Refuse nested lists and dicts that would take for ever to walk through."""
    left, count = [(config, 0)], 0
    while left:
        value, depth = left.pop()
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list | tuple):
            left += [(one, depth + 1) for one in inner]
        count += 1
        if count + len(left) > MOST_VALUES or depth > DEEPEST:
            raise InputError(f"{file}: its configuration is too large to be one.")


def amend(file: Path, **metadata: Any) -> None:
    """Add to a checkpoint's metadata what is known only after training."""
    checkpoint = load_checkpoint(file)
    checkpoint[KEY] = {**checkpoint[KEY], **metadata}
    with atomic_write(file) as temporary:
        torch.save(checkpoint, temporary)
