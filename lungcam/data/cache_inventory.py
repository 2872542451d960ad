"""What a cache of prepared inputs holds, and how to empty it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lungcam.data.cache_entry import DamagedEntry, read
from lungcam.data.cache_key import code_version
from lungcam.data.prepare import SUFFIX
from lungcam.runtime.atomic import is_leftover, is_temporary

# .npz: as earlier versions wrote them
NAME = re.compile(rf"[0-9a-f]{{32}}(\.npz|{re.escape(SUFFIX)})")
MEMORY = "hashes.json"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A file of the cache.

    Attributes:
        file: The file.
        state: `current`, `stale` (made by other code or other libraries), `damaged`, `unfinished`
            (being written), `left over` (its writer was killed) or `memory` (of scans' hashes).
        size: Bytes.
        changed_s: When it was written, in seconds since 1970.
    """

    file: Path
    state: str
    size: int
    changed_s: float


def inventory(root: Path) -> Iterator[Kept]:
    """Look at every file that lungcam wrote into a folder of prepared inputs.

    All arrays are read, to compare their checksums. Other files are passed over.

    Args:
        root: The folder; it need not be there.
    """
    for file in sorted(root.iterdir()) if root.is_dir() else ():
        try:
            state, found = _state(file), file.stat()
        except FileNotFoundError:
            continue  # another process has finished or cleared it
        if state:
            yield Kept(file=file, state=state, size=found.st_size, changed_s=found.st_mtime)


def _state(file: Path) -> str | None:
    if is_temporary(file):
        return "left over" if is_leftover(file) else "unfinished"
    if file.name == MEMORY:
        return "memory"
    if not NAME.fullmatch(file.name):
        return None
    if file.suffix != SUFFIX:
        return "stale"
    try:
        entry = read(file)
    except DamagedEntry:
        return "damaged" if file.exists() else None
    if not all(map(entry.intact, entry.places)):
        return "damaged"
    return "current" if entry.facts.get("code") == code_version() else "stale"


def clear(root: Path, stale: bool = False) -> list[Kept]:
    """Remove what lungcam wrote into a folder of prepared inputs, but what is being written.

    Args:
        root: The folder; it need not be there.
        stale: Remove only what no run will use again: stale, damaged and left over.

    Returns:
        What was removed.
    """
    spared = {"unfinished", "current", "memory"} if stale else {"unfinished"}
    removed = [one for one in inventory(root) if one.state not in spared]
    for one in removed:
        one.file.unlink(missing_ok=True)
    return removed
