"""Inventory of a cache of prepared inputs, and its removal."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lungcam.data.cache_entry import DamagedEntry, is_entry, read_entry
from lungcam.data.cache_key import code_version, is_memory
from lungcam.data.prepare import SUFFIX
from lungcam.runtime.atomic import is_leftover, is_temporary

# .npz: suffix of earlier versions
NAME = re.compile(rf"[0-9a-f]{{32}}(\.npz|{re.escape(SUFFIX)})")
MEMORY = "hashes.json"
ARRAYS = ("input", "lungs")


@dataclass(frozen=True, kw_only=True)
class CacheFile:
    """File of the cache.

    Attributes:
        file: Path of the file.
        state: `current`, `stale` (made by other code or other libraries), `damaged`, `unfinished`
            (being written), `left over` (its writer was killed), `memory` (of scans' hashes) or
            `foreign` (with a name of the cache, and not lungcam's).
        size: Number of bytes.
        changed_s: Time of the last change, in seconds since 1970.
    """

    file: Path
    state: str
    size: int
    changed_s: float


def inventory(root: Path) -> Iterator[CacheFile]:
    """Check every file that lungcam wrote into a folder of prepared inputs.

    All arrays are read, to compare their checksums. Other files are skipped.

    Args:
        root: Folder; it need not exist.
    """
    for file in sorted(root.iterdir()) if root.is_dir() else ():
        try:
            state, stat = _state(file), file.stat()
        except FileNotFoundError:
            continue  # another process has finished or cleared it
        if state:
            yield CacheFile(file=file, state=state, size=stat.st_size, changed_s=stat.st_mtime)


def clear(root: Path, stale: bool = False) -> list[CacheFile]:
    """Remove what lungcam wrote into a folder of prepared inputs, except files being written.

    Args:
        root: Folder; it need not exist.
        stale: Remove only what no run will use again: stale, damaged and left over.

    Returns:
        Removed files.
    """
    kept_states = {"unfinished", "current", "memory"} if stale else {"unfinished"}
    kept_states.add("foreign")
    removed = [entry for entry in inventory(root) if entry.state not in kept_states]
    for entry in removed:
        entry.file.unlink(missing_ok=True)
    return removed


def _state(file: Path) -> str | None:
    if is_temporary(file):
        return "left over" if is_leftover(file) else "unfinished"
    if file.name != MEMORY and not NAME.fullmatch(file.name):
        return None
    if file.is_symlink() or not file.is_file():
        return "foreign"
    if file.name == MEMORY:
        return "memory" if is_memory(file) else "foreign"
    if file.suffix != SUFFIX:
        return "stale" if _is_earlier_entry(file) else "foreign"
    try:
        entry = read_entry(file)
    except DamagedEntry:
        if not file.exists():
            return None
        # its first bytes are the only sign of lungcam that is left
        return "damaged" if is_entry(file) else "foreign"
    if not all(map(entry.is_intact, entry.arrays)):
        return "damaged"
    return "current" if entry.facts.get("code") == code_version() else "stale"


def _is_earlier_entry(file: Path) -> bool:
    """Return True for an archive of arrays as earlier versions stored them."""
    with suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        return {f"{name}.npy" for name in ARRAYS} <= set(archive.namelist())
    return False
