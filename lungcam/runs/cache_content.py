"""Content of the cache of prepared inputs, described and cleared."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lungcam.data.cache_inventory import CacheFile, clear, inventory
from lungcam.data.prepare import disk_size
from lungcam.errors import InputError

# in the order of the report
STATES = {
    "current": "of this version",
    "stale": "of other versions, never used by this one",
    "damaged": "damaged, to be prepared again when they are needed",
    "left over": "left over from processes that were killed",
    "foreign": "not written by lungcam, and left alone",
    "unfinished": "being written",
}


def clear_inputs(cache: Path, only_stale: bool) -> str:
    """Remove prepared inputs, or only those that no run of this version will use; describe it.

    Raises:
        InputError: Files with names of the cache are not lungcam's; all others are removed.
    """
    root = cache / "inputs"
    removed = clear(root, only_stale)
    line = f"{root}: removed {len(removed)} files, {_size(removed)}"
    foreign = [entry.file for entry in inventory(root) if entry.state == "foreign"]
    if foreign:
        raise InputError(
            f"{foreign[0]}: not removed, since lungcam has not written it, nor {len(foreign) - 1} "
            f"others of such names; move them elsewhere. ({line}.)"
        )
    return f"{line}."


def describe_cache(cache: Path) -> str:
    """Count the prepared inputs of each state, and the other files."""
    root = cache / "inputs"
    entries = [entry for entry in inventory(root) if entry.state in STATES]
    lines = [f"{root}: {len(entries)} prepared inputs, {_size(entries)}."]
    for state, description in STATES.items():
        of_state = [entry for entry in entries if entry.state == state]
        if of_state:
            times = [entry.changed_s for entry in of_state]
            lines.append(
                f"  {len(of_state)} {description}: {_size(of_state)}, "
                f"{_minute(min(times))} to {_minute(max(times))}"
            )
    for folder in sorted(path for path in cache.iterdir() if path.is_dir() and path != root):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        lines.append(
            f"{folder}: {len(sizes)} other files, {disk_size(sum(sizes))}; clear leaves them."
        )
    return "\n".join(lines)


def _size(entries: Sequence[CacheFile]) -> str:
    return disk_size(sum(entry.size for entry in entries))


def _minute(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "minutes")
