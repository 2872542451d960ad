"""Paths in a configuration: which there are, and whether there is something at them."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from lungcam.errors import InputError

FILE, FOLDER, EITHER = "file", "folder", "file or folder"
# nets that come with lungcam, and the names under which ckpt= takes them
WEIGHTS = Path(__file__).parents[1] / "weights"
SHIPPED = {"lidc": "lidc_nodule_*.ckpt"}
# beginnings of their files' names, and their model cards
CARDS = {"lidc_nodule_": "docs/models/nodules.md", "lidc_detector": "docs/models/detector.md"}
# settings of train.py with paths that are read, and what is read
TRAIN_INPUTS = {
    "data.root": FOLDER,
    "data.table": FILE,
    "data.tables": FOLDER,
    "data.xml": EITHER,
    "data.nodules": FILE,
    "detection.scans": FILE,
    "data.annotations": FILE,
    "split.manifest": FILE,
    "init": FILE,
}
# all settings with paths
TRAIN_PATHS = ("cache", *TRAIN_INPUTS)
INFER_PATHS = ("ckpt", "scan", "out", "prior", "lungs.mask")
# readers of data sets; phantoms are made where none are, and a user's own function may do likewise
READERS = "lungcam.cohorts."
# run folders of a cross-validation, see `lungcam.runs.cross_validate`
FOLD = re.compile(r"(seed_\d+_)?fold_\d+")


def check_train_paths(nodes: Mapping[str, Any]) -> None:
    """Refuse paths of `train.py` with nothing to read, or with a file where a folder is to be.

    Args:
        nodes: Plain config.

    Raises:
        InputError: Names the path and the key.
    """
    reads_data = str(nodes["data"].get("_target_")).startswith(READERS)
    for key, kind in TRAIN_INPUTS.items():
        group, _, name = key.rpartition(".")
        value = (nodes.get(group, {}) if group else nodes).get(name)
        if group == "data" and not reads_data:
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
    if nodes["lungs"]["mask"] is None and nodes["lungs"]["segment"] is not None:
        raise InputError("lungs.segment: it chooses from a mask; give lungs.mask=, too.")
    if nodes["lungs"]["mask"] is not None:
        refuse_absent(expand(nodes["lungs"]["mask"]), "lungs.mask=")
    for folder in listed(nodes["prior"]):
        refuse_absent(Path(folder), "prior=", kind=FOLDER)
    find_checkpoints(nodes["ckpt"])
    refuse_file(Path(nodes["out"]), "out")


def listed(value: Any) -> list[str]:
    """Return the paths of a setting that takes one or a list of them; null: none."""
    return [] if value is None else list(map(str, value if isinstance(value, list) else [value]))


def expand(path: str | Path) -> Path:
    """Replace a leading `~` by the user's home, unless there is a file of this name."""
    path = Path(path)
    if os.path.lexists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # no such user
        return path


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


def find_checkpoints(ckpt: str | Sequence[str]) -> list[Path]:
    """Return the checkpoints that `ckpt=` names.

    Args:
        ckpt: A file, a run folder, the folder of a cross-validation or of a sweep over seeds, a
            name among `SHIPPED`, or a list of these.

    Raises:
        InputError: There is no such checkpoint, one is named twice, or a training is unfinished.
    """
    listed = ckpt if isinstance(ckpt, list | tuple) else [ckpt]
    paths = [expand(str(path)) for path in listed]
    if not paths:
        raise InputError("ckpt=[]: no path is given; add one.")
    files = [find_checkpoint(run) for path in paths for run in _runs_of(path)]
    for number, file in enumerate(files):
        if file.resolve() in [other.resolve() for other in files[:number]]:
            raise InputError(f"{file}: named twice; name each net once in ckpt=.")
    return files


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint of a net: a file, or best.ckpt of a run folder.

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


def _runs_of(path: Path) -> list[Path]:
    """Return the nets that a path stands for, else the path itself.

    A name stands for the nets that come with lungcam, and a folder for the run folders of a
    cross-validation or of a sweep over seeds.

    Raises:
        InputError: A run is unfinished, or the runs differ in more than fold and seed.
    """
    if str(path) in SHIPPED and not path.exists():
        return sorted(WEIGHTS.glob(SHIPPED[str(path)]))
    if not path.is_dir() or (path / "checkpoints").exists():
        return [path]
    folders = sorted((run for run in path.iterdir() if run.is_dir()), key=_natural)
    runs = [run for run in folders if FOLD.fullmatch(run.name)]
    finished = path
    if not runs:
        runs = [run for run in folders if run.name.isdigit() and (run / ".hydra").is_dir()]
        if len({_without_seed(run) for run in runs}) > 1:
            raise InputError(
                f"{path}: its runs differ in more than the seed; name those to apply in "
                "ckpt=[RUN,RUN]."
            )
        finished = None
    if not runs:
        return [path]
    for folder in (*runs, *filter(None, [finished])):
        # written last by every run
        if not (folder / "metrics.json").is_file():
            raise InputError(
                f"{folder}: this training is not finished; continue it with train.py "
                f"resume={finished or folder}, or name the finished runs in ckpt=[RUN,RUN]."
            )
    return runs


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts numbers within names by their value."""
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", path.name)]


def _without_seed(run: Path) -> tuple[str, ...]:
    """Return the overrides of a sweep's run, one a line in its file, without the seed."""
    file = run / ".hydra" / "overrides.yaml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return tuple(sorted(line for line in lines if not re.match(r"- '?seed=", line)))
