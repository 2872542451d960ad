"""Entries that the previous version wrote into the cache, used for one release.

This version prepares inputs exactly as the previous one did, but its source files, and therefore
its keys, differ. `earlier_cache.json` holds the hash of this version's preparing code, the hashes
of the previous version's files, and the former names of the transforms. As soon as the preparing
code changes, its hash differs from the record and no earlier entry is used any more.
"""

import json
import re
from functools import cache
from pathlib import Path

from lungcam.data.cache_key import code_version, source_files, source_hash

RECORD = Path(__file__).with_name("earlier_cache.json")


@cache
def earlier_code_version() -> str | None:
    """Return the previous version's `code_version`, or None if it prepared other inputs."""
    record = _record()
    if source_hash(source_files()) != record["equal_to"]:
        return None
    return code_version(tuple(record["sources"].items()))


def earlier_description(description: str) -> str:
    """Return the description of transforms, see `describe`, with their former names."""
    names = _record()["transforms"]
    pattern = "|".join(map(re.escape, names))
    return re.sub(rf"\b({pattern})\(", lambda match: f"{names[match.group(1)]}(", description)


@cache
def _record() -> dict:
    return json.loads(RECORD.read_text(encoding="utf-8"))
