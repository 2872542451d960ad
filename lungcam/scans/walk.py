"""Walk through folders: links are followed, each folder is visited once."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lungcam.runtime.atomic import record_of


def walk(
    root: Path, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield folders with the sorted names of their folders and files, as `os.walk` does.

    Real folders come first, then those that only a link leads to. A link to a folder that was
    visited, or to one above the root, is not followed, so that no walk is endless. Files that
    lungcam has written as results are left out.

    Args:
        root: Folder; it may be a link itself.
        onerror: Function that receives the error of a folder that cannot be opened.
    """
    root = Path(root)
    seen = {_identity(folder) for folder in (root, *root.resolve().parents)}
    waiting = [root]
    while waiting:
        start = waiting.pop(0)
        if start is not root:
            if _identity(start) in seen:
                continue
            seen.add(_identity(start))
        for parent, folders, names in os.walk(start, onerror=onerror):
            folder = Path(parent)
            folders.sort()
            record = record_of(folder / "any")
            if record is not None:
                names = [name for name in names if not record.lists(folder / name)]
            yield folder, folders, sorted(names)
            # after the caller has taken out what it does not want
            for name in list(folders):
                child = folder / name
                if child.is_symlink():
                    folders.remove(name)
                    waiting.append(child)
                elif _identity(child) in seen - {None}:
                    folders.remove(name)
                else:
                    seen.add(_identity(child))


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
