"""Content of the cache of prepared inputs: `python -m lungcam cache info|clear`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.data.cache_inventory import CacheFile, clear, inventory
from lungcam.data.prepare import disk_size
from lungcam.errors import InputError

# in the order of the report
STATES = {
    "current": "of this version",
    "stale": "of other versions, never used by this one",
    "damaged": "damaged, to be prepared again when they are needed",
    "left over": "left over from processes that were killed",
    "unfinished": "being written",
}


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Print the content of a cache, or clear it, and return the exit code.

    Args:
        paths: The action, `info` or `clear`.
        settings: `cache`, as for train.py; `stale=true` clears only files that no run of this
            version will use.

    Raises:
        InputError: There is no such action, setting or folder.
    """
    if [str(path) for path in paths] not in (["info"], ["clear"]):
        raise InputError("cache: say what to do: python -m lungcam cache info, or clear")
    action, stale = str(paths[0]), settings.get("stale", "false")
    if stale not in ("true", "false") or (stale == "true" and action == "info"):
        raise InputError(f"stale={stale}: clear takes true or false; info takes no stale.")
    cache = Path(settings.get("cache", "outputs/cache"))
    if not cache.is_dir():
        raise InputError(f"{cache}: there is no such folder; give cache=DIR as for train.py.")
    if action == "clear":
        removed = clear(cache / "inputs", stale == "true")
        print(f"{cache / 'inputs'}: removed {len(removed)} files, {_size(removed)}.")
    else:
        _print_content(cache)
    return DONE


def _print_content(cache: Path) -> None:
    root = cache / "inputs"
    entries = [entry for entry in inventory(root) if entry.state in STATES]
    print(f"{root}: {len(entries)} prepared inputs, {_size(entries)}.")
    for state, description in STATES.items():
        of_state = [entry for entry in entries if entry.state == state]
        if of_state:
            times = [entry.changed_s for entry in of_state]
            print(
                f"  {len(of_state)} {description}: {_size(of_state)}, "
                f"{_minute(min(times))} to {_minute(max(times))}"
            )
    for folder in sorted(path for path in cache.iterdir() if path.is_dir() and path != root):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        print(f"{folder}: {len(sizes)} other files, {disk_size(sum(sizes))}; clear leaves them.")


def _size(entries: Sequence[CacheFile]) -> str:
    return disk_size(sum(entry.size for entry in entries))


def _minute(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "minutes")
