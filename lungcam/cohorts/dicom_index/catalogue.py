"""Index a DICOM tree, the first time from its headers, again from what was kept."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lungcam.cohorts.dicom_index.index import (
    Catalogue,
    Index,
    gather,
    index_file,
    load,
    many_objects,
    save,
)
from lungcam.cohorts.dicom_index.tags import Series
from lungcam.cohorts.dicom_index.walk import Folder, read_folders, unchanged
from lungcam.errors import InputError
from lungcam.runtime.parallel import run_all

BATCH = 50
# other processes take about 2 s to start: fewer batches are read without
WORTH_PROCESSES = 20
# folders read between two looks at the clock: what is lost at most when the work is stopped
BLOCK = 5000
# a folder that has just changed may change again within one tick of the disk's clock
SETTLED_NS = 2_000_000_000
# of the time spent on indexing, at most a tenth goes to writing what is known so far
LEAST_SECONDS = 20.0
SHARE = 10


def catalogue(root: Path, cache: Path) -> list[Series]:
    """List every DICOM series below a folder; see `read_catalogue`, which also gives notes."""
    return read_catalogue(root, cache).series


def read_catalogue(root: Path, cache: Path, *, workers: int | None = None) -> Catalogue:
    """List every DICOM series below a folder, whatever its subfolders are called.

    In each folder 5 headers, spread over the sorted names of each suffix, are read; all of them
    only where those are of several series or do not stand for all (see `order.stand_for`). What was
    found is kept in `cache`: a folder whose mtime and whose sampled files' sizes and mtimes are as
    they were is not opened again. A file rewritten in place that is not among those sampled goes
    unseen; to have it seen, remove the index.

    Where copies of a series lie in several folders, the one with the most slices counts; a series
    whose parts do is left out. To tell the two apart, folders whose samples of it differ are read
    whole, each time. Links are followed, each folder once. DICOMDIR, hidden files and other kinds
    of files are passed over.

    Args:
        root: The folder.
        cache: Folder for the index, one file for each root.
        workers: Processes; None for as many as there are processors.

    Returns:
        The series and the notes. An empty list if there is none.

    Raises:
        InputError: `root` is no folder that can be opened, or the index cannot be written.
    """
    root, cache = Path(root), Path(cache)
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; give the folder of the DICOM files.")
    file = index_file(root, cache)
    before = load(file)
    now: Index = {}
    closed: list[str] = []
    saved, cost = time.monotonic(), 0.0
    try:
        for path, kept in _walk(root, before, closed=closed, workers=workers):
            now[path] = kept
            start = time.monotonic()
            if len(now) % BLOCK == 0 and start - saved > max(LEAST_SECONDS, SHARE * cost):
                save(file, before | now)
                saved = time.monotonic()
                cost = saved - start
    except BaseException:
        save(file, before | now)
        raise
    if not now:
        raise InputError(f"{root}: the folder cannot be opened; check its rights.")
    if now != before:
        save(file, now)
    with many_objects():
        return gather(root, now, closed=closed)


def _walk(
    root: Path, before: Index, *, closed: list[str], workers: int | None
) -> Iterator[tuple[str, tuple[int, Folder]]]:
    """Go through the tree level by level, each folder once, and read what has changed.

    Args:
        root: The folder.
        before: What is known.
        closed: Takes the folders that cannot be opened.
        workers: Processes.
    """
    seen: set[tuple[int, int]] = set()
    level = [""]
    while level:
        changed: list[tuple[str, int]] = []
        below: list[tuple[str, list[str]]] = []
        for path in level:
            full = os.path.join(root, path)
            try:
                status = os.stat(full)
            except OSError:
                closed.append(path)
                continue
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            kept = before.get(path)
            if kept and kept[0] == status.st_mtime_ns and unchanged(full, kept[1].sampled):
                below.append((path, kept[1].subfolders))
                yield path, kept
            else:
                settled = time.time_ns() - status.st_mtime_ns > SETTLED_NS
                changed.append((path, status.st_mtime_ns if settled else -1))
        for (path, mtime_ns), folder in zip(
            changed, _read_all(root, changed, workers=workers), strict=True
        ):
            if folder is None:
                closed.append(path)
                continue
            below.append((path, folder.subfolders))
            yield path, (mtime_ns, folder)
        below.sort()
        level = [
            f"{path}{os.sep}{name}" if path else name for path, names in below for name in names
        ]


def _read_all(
    root: Path, changed: Sequence[tuple[str, int]], *, workers: int | None
) -> Iterator[Folder | None]:
    """Read folders, in blocks so that what is done can be kept."""
    full = [os.path.join(root, path) for path, _ in changed]
    for start in range(0, len(full), BLOCK):
        block = full[start : start + BLOCK]
        batches = [block[at : at + BATCH] for at in range(0, len(block), BATCH)]
        if len(batches) == 1:
            yield from read_folders(block)
            continue
        label = f"DICOM folders {start + 1}-{start + len(block)} of {len(full)}"
        alone = 1 if len(batches) < WORTH_PROCESSES else workers
        for found in run_all(
            read_folders, [(batch,) for batch in batches], label=label, workers=alone
        ):
            yield from found
