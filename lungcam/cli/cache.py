"""What the cache holds, and emptying it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lungcam.data.cache_inventory import CacheFile, clear, inventory
from lungcam.data.prepare import disk_size
from lungcam.errors import InputError

# in the order they are told
STATES = {
    "current": "of this version",
    "stale": "of other versions, never used by this one",
    "damaged": "damaged, to be prepared again when they are needed",
    "left over": "left over from processes that were killed",
    "unfinished": "being written",
}


def cache_command(action: str, cache: Path, *, stale: bool = False) -> None:
    """Print what `cache info` or `cache clear` has to say.

    Args:
        action: `info` or `clear`.
        cache: As train.py's `cache`.
        stale: Clear only what no run of this version will use.

    Raises:
        InputError: There is no such folder.
    """
    if not cache.is_dir():
        raise InputError(f"{cache}: there is no such folder; give cache=DIR as for train.py.")
    root = cache / "inputs"
    if action == "clear":
        removed = clear(root, stale)
        print(f"{root}: removed {len(removed)} files, {_size(removed)}.")
        return
    kept = list(inventory(root))
    entries = [one for one in kept if one.state in STATES]
    print(f"{root}: {len(entries)} prepared inputs, {_size(entries)}.")
    for state, words in STATES.items():
        found = [one for one in entries if one.state == state]
        if found:
            oldest, newest = (f(one.changed_s for one in found) for f in (min, max))
            print(f"  {len(found)} {words}: {_size(found)}, {_day(oldest)} to {_day(newest)}")
    for folder in sorted(one for one in cache.iterdir() if one.is_dir() and one != root):
        sizes = [one.stat().st_size for one in folder.rglob("*") if one.is_file()]
        print(f"{folder}: {len(sizes)} other files, {disk_size(sum(sizes))}; clear leaves them.")


def _size(kept: Sequence[CacheFile]) -> str:
    return disk_size(sum(one.size for one in kept))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "minutes")
