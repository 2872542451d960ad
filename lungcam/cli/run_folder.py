"""Folder of a training as typed: Hydra writes there before anything of lungcam runs."""

import re
from collections.abc import Sequence
from pathlib import Path

from lungcam.errors import InputError
from lungcam.runtime.distributed import rank
from lungcam.runtime.lock import refuse_if_locked
from lungcam.runtime.written import open_record

KEYS = ("hydra.run.dir", "hydra.sweep.dir")
# what Hydra writes, in this order; the first two and that of a sweep name classes of lungcam
HYDRAS = (".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml")
MULTIRUN, MARK = "multirun.yaml", b"lungcam."
SETTINGS = (*HYDRAS[:2], MULTIRUN)
# Hydra appends to it, and makes it even where nothing is logged
LOG, LOGGED = "train.log", re.compile(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]\[")


def refuse_foreign_folder(arguments: Sequence[str]) -> list[str]:
    """Refuse a run folder in use, and one with files of Hydra that are not those of a training.

    Args:
        arguments: Command-line arguments of `train.py`, as typed.

    Returns:
        The arguments, unchanged.

    Raises:
        InputError: Names the first such file.
    """
    for argument in arguments:
        key, _, value = argument.partition("=")
        folder = Path(value.strip("'\""))
        # an interpolation names a folder of its own
        if key in KEYS and value and "${" not in value and rank() == 0:
            refuse_if_locked(folder, key=key)
            _refuse(folder)
    return list(arguments)


def _refuse(folder: Path) -> None:
    present = [folder / name for name in (*HYDRAS, MULTIRUN) if (folder / name).exists()]
    if not _is_log(folder / LOG):
        present.append(folder / LOG)
    if not present or open_record(folder).file.exists():
        return
    # one that was killed at once leaves the first alone, or empty
    contents = {file: file.read_bytes() if file.is_file() else None for file in present}
    marked = any(MARK in (contents.get(folder / name) or b"") for name in SETTINGS)
    if not marked and any(content != b"" for content in contents.values()):
        raise InputError(f"{present[0]}: lungcam has not written this; give a new or empty folder.")


def _is_log(file: Path) -> bool:
    """Return True if Hydra's log may go on in a file: there is none, it is empty, or Hydra's."""
    if not file.exists():
        return True
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        start = stream.read(64)
    return not start or LOGGED.match(start) is not None
