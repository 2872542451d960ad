"""Checkpoints that carry all that prediction needs, as plain tensors and dicts."""

import inspect
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_object

from lungcam.config.instantiate import check_targets, foreign_targets
from lungcam.config.plugins import Plugin, load_plugin
from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.versions import TRAIN_COMMAND
from lungcam.training.checkpoint_schema import check_schema

# key of the metadata in a checkpoint
METADATA_KEY = "lungcam"
# allowed targets in a checkpoint, which may come from anyone
NET_TARGETS = ("lungcam.nets.", "monai.networks.nets.", "torch.nn.")
TRANSFORM_TARGETS = ("lungcam.transforms.", "torchio.")
# settings of MONAI's nets with a place to load weights from
ELSEWHERE = ("pretrained_url", "weights", "path_or_repo_id", "filename", "cache_dir")


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
            # torch compresses nothing: a few compressed bytes, or members that share their bytes,
            # can fill the memory
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if any(member.compress_type for member in members) or size > file.stat().st_size:
                raise ValueError("an archive of more than it holds")
    return torch.load(file, map_location="cpu", weights_only=True)


def check_metadata(
    file: Path, checkpoint: dict[str, Any], *, plugins: Sequence[Plugin] = ()
) -> tuple[str, ...]:
    """Refuse a checkpoint with incomplete or unsafe metadata before any object is made from it.

    What it names of the user's own code is imported if a plug-in holds the very code that it was
    trained with. Nothing is imported on the checkpoint's own word.

    Args:
        file: File of the checkpoint, for the message.
        checkpoint: From `load_checkpoint`.
        plugins: Plug-ins that the user has given.

    Returns:
        Prefixes of the targets that are allowed besides lungcam's own: those of the plug-ins.

    Raises:
        InputError: Metadata or weights are missing, a target is neither a net nor a transform, or
            no plug-in holds it.
    """
    check_schema(file, checkpoint[METADATA_KEY])
    if not _has_weights(checkpoint):
        raise InputError(f"{file}: it does not say what its net is or reads; train again.")
    config = checkpoint[METADATA_KEY]["config"]
    parts = {"model": (config["model"], NET_TARGETS)}
    parts |= {
        f"transforms.{name}": (node, TRANSFORM_TARGETS)
        for name, node in config["transforms"].items()
    }
    targets = foreign_targets({"task": config.get("task"), "parts": [n for n, _ in parts.values()]})
    used = _plugins_of(file, checkpoint[METADATA_KEY], targets=targets, plugins=plugins)
    for plugin in used:
        load_plugin(plugin)
    own = tuple(f"{plugin.package}." for plugin in used)
    for path, (node, allowed) in parts.items():
        try:
            check_targets(node, path, allowed=(*allowed, *own))
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        if "_target_" not in node or node.get("_partial_"):
            raise InputError(f"{file}: {path}: it must name what is made, whole.")
    return own


def own_modules(checkpoint: dict[str, Any]) -> list[str]:
    """Return the modules of the user's own code that a net and its transforms are made of.

    Args:
        checkpoint: From `load_checkpoint`, of a run of their own.
    """
    config = checkpoint[METADATA_KEY]["config"]
    targets = foreign_targets({name: config.get(name) for name in ("task", "model", "transforms")})
    return list(dict.fromkeys(target.partition(".")[0] for target in targets))


def without_downloads(file: Path, model: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a net that fetches no weights: its own are in the checkpoint.

    Args:
        file: File of the checkpoint, for the message.
        model: Node `model`, checked.

    Raises:
        InputError: A setting names weights elsewhere.
    """
    changed = {
        key: without_downloads(file, value) if isinstance(value, dict) else value
        for key, value in model.items()
    }
    if not str(model.get("_target_")).startswith("monai."):
        return changed
    for key in ELSEWHERE:
        if changed.get(key) is not None:
            raise InputError(
                f"{file}: model.{key}={changed[key]}: a checkpoint holds its weights itself; train "
                "again without it."
            )
    # some of MONAI's nets fetch weights by default
    if "pretrained" in inspect.signature(get_object(model["_target_"])).parameters:
        changed["pretrained"] = False
    return {key: value for key, value in changed.items() if key != "pretrained" or not value}


def _plugins_of(
    file: Path, metadata: dict[str, Any], *, targets: Sequence[str], plugins: Sequence[Plugin]
) -> list[Plugin]:
    """Return the plug-ins that hold some targets, without importing them.

    Raises:
        InputError: No plug-in holds a target, or its code is not that of the training.
    """
    packages = {plugin.package: plugin for plugin in plugins}
    recorded = metadata.get("plugins")
    used = {}
    for target in targets:
        package = target.partition(".")[0]
        plugin = packages.get(package)
        if plugin is None:
            raise InputError(
                f"{file}: {target} is code of whoever trained it; if you trust that code, add "
                f"plugins=[...] with the file or the module {package} that holds it."
            )
        code = recorded.get(target) if isinstance(recorded, dict) else None
        sha256 = code.get("sha256") if isinstance(code, dict) else None
        if sha256 != plugin.sha256:
            version = code.get("version") if isinstance(code, dict) else None
            raise InputError(
                f"{file}: {plugin.origin} is not the code of {target} that it was trained with"
                f"{f', version {version}' if version else ''}; give plugins= that code."
            )
        used[package] = plugin
    return list(used.values())


def _has_weights(checkpoint: dict[str, Any]) -> bool:
    """Return True if a checkpoint holds nothing but tensors by name as its weights."""
    weights = checkpoint.get("state_dict")
    return isinstance(weights, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor)
        for name, tensor in weights.items()
    )


def add_metadata(file: Path, **metadata: Any) -> None:
    """Add values to a checkpoint's metadata that are known only after training, if they are new."""
    checkpoint = load_checkpoint(file)
    changed = {**checkpoint[METADATA_KEY], **metadata}
    if changed == checkpoint[METADATA_KEY]:
        return
    checkpoint[METADATA_KEY] = changed
    with atomic_write(file) as temporary:
        torch.save(checkpoint, temporary)
