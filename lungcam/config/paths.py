"""Paths in a configuration: which there are, and whether there is something at them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from lungcam.errors import InputError

FILE, FOLDER, EITHER = "file", "folder", "file or folder"
# settings of train.py with paths that are read, and what is read
TRAIN_INPUTS = {
    "data.root": FOLDER,
    "data.table": FILE,
    "data.tables": FOLDER,
    "data.xml": EITHER,
    "data.nodules": FILE,
    "split.manifest": FILE,
    "init": FILE,
}
# all settings with paths
TRAIN_PATHS = ("cache", *TRAIN_INPUTS)
INFER_PATHS = ("ckpt", "scan", "out")
# phantoms are made where none are
MAKES_ITS_ROOT = "lungcam.phantom."


def check_train_paths(nodes: Mapping[str, Any]) -> None:
    """Refuse paths of `train.py` with nothing to read, or with a file where a folder is to be.

    Args:
        nodes: Plain config.

    Raises:
        InputError: Names the path and the key.
    """
    makes_root = str(nodes["data"].get("_target_")).startswith(MAKES_ITS_ROOT)
    for key, kind in TRAIN_INPUTS.items():
        group, _, name = key.rpartition(".")
        value = (nodes[group] if group else nodes).get(name)
        if key == "data.root" and makes_root:
            continue
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str):
                refuse_absent(Path(path), f"{key}=", kind=kind)
    refuse_file(Path(nodes["cache"]), "cache")


def check_infer_paths(nodes: Mapping[str, Any]) -> None:
    """Refuse paths of `infer.py` with nothing to read, or with a file where a folder is to be.

    Args:
        nodes: Plain config.

    Raises:
        InputError: Names the path and the key.
    """
    refuse_absent(Path(nodes["scan"]), "scan=")
    find_checkpoint(Path(nodes["ckpt"]))
    refuse_file(Path(nodes["out"]), "out")


def refuse_absent(path: Path, place: str, *, kind: str = EITHER) -> None:
    """Refuse a path at which there is nothing of a kind.

    Args:
        path: The path.
        place: What the user has to correct, for the message.
        kind: `FILE`, `FOLDER` or `EITHER`.

    Raises:
        InputError: Names the path and the place.
    """
    # a file may be a pipe
    fits = {FILE: path.exists() and not path.is_dir(), FOLDER: path.is_dir(), EITHER: path.exists()}
    if not fits[kind]:
        raise InputError(f"{path}: there is no such {kind}; check {place}.")


def refuse_file(folder: Path, key: str) -> None:
    """Refuse a path at which no folder can be, because it or a part of it is a file.

    Raises:
        InputError: Names the file and the key.
    """
    for path in (folder, *folder.parents):
        if path.is_dir():
            return
        if path.exists():
            raise InputError(f"{path}: this is a file; give {key}= a folder.")


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint that `ckpt=` names: a file, or best.ckpt of a run folder.

    Raises:
        InputError: There is no such checkpoint, or the file is of another kind.
    """
    file = path / "checkpoints" / "best.ckpt" if path.is_dir() else path
    if not file.is_file():
        if path.is_dir():
            raise InputError(f"{path}: no checkpoints/best.ckpt in it; give ckpt= a run folder.")
        raise InputError(f"{path}: there is no such checkpoint; check ckpt=.")
    # as torch writes them
    if not is_zipfile(file):
        raise InputError(f"{file}: not a checkpoint; give one that lungcam wrote.")
    return file
