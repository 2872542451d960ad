"""Content of the cache of prepared inputs: `python -m lungcam cache info|clear`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.errors import InputError


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
    # slow to load
    from lungcam.runs.cache_content import clear_inputs, describe_cache

    print(describe_cache(cache) if action == "info" else clear_inputs(cache, stale == "true"))
    return DONE
