"""Catalogue of a DICOM tree: from its headers at first, later from the index on disk."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lungcam.cohorts.dicom_index.folder import Folder, is_unchanged, read_folders
from lungcam.cohorts.dicom_index.index import Index, index_file, load, save
from lungcam.cohorts.dicom_index.series import Catalogue, Series, gather_series
from lungcam.errors import InputError
from lungcam.runtime.garbage import garbage_collection_paused
from lungcam.runtime.parallel import run_all

BATCH = 50
# other processes take about 2 s to start: fewer batches are read without them
WORTH_PROCESSES = 20
# folders read between two checks of the clock: at most these are lost if the run is interrupted
BLOCK = 5000
# a folder that has just changed may change again within one tick of the disk's clock
SETTLED_NS = 2_000_000_000
# at most a tenth of the time for indexing goes to saving the index meanwhile
LEAST_SECONDS = 20.0
SHARE = 10


def catalogue(root: Path, cache: Path) -> list[Series]:
    """List every DICOM series below a folder; see `read_catalogue`, which also gives notes."""
    return read_catalogue(root, cache).series


def read_catalogue(root: Path, cache: Path, *, workers: int | None = None) -> Catalogue:
    """List every DICOM series below a folder, whatever the names of its subfolders.

    In each folder 5 headers, spread over the sorted names of each suffix, are read; all of them
    only if those are of several series or do not represent all (see `folder.represent_all`). The
    result is stored in `cache`: a folder with the same mtime, and the same sizes and mtimes of its
    sampled files, is not opened again. A file that is rewritten in place and is not among those
    sampled is not detected; to read it, delete the index.

    If copies of a series are in several folders, the one with the most slices counts; a series that
    is split over folders is left out. To distinguish the two, folders with different samples of a
    series are read completely, in every run. Links are followed, each folder once. DICOMDIR, hidden
    files and other kinds of files are skipped.

    Args:
        root: Folder of the tree.
        cache: Folder for the index, one file for each root.
        workers: Number of processes; None for the number of processors.

    Returns:
        The series and notes; an empty list if there is no series.

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
        for path, record in _walk(root, before, closed=closed, workers=workers):
            now[path] = record
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
    with garbage_collection_paused():
        return gather_series(root, now, closed=closed)


def _walk(
    root: Path, before: Index, *, closed: list[str], workers: int | None
) -> Iterator[tuple[str, tuple[int, Folder]]]:
    """Walk the tree level by level, each folder once, and read the changed folders.

    Args:
        root: Folder of the tree.
        before: Index of the previous run.
        closed: Folders that cannot be opened; it is updated.
        workers: Number of processes.
    """
    seen: set[tuple[int, int]] = set()
    level = [""]
    while level:
        changed: list[tuple[str, int]] = []
        below: list[tuple[str, list[str]]] = []
        for path in level:
            absolute = os.path.join(root, path)
            try:
                status = os.stat(absolute)
            except OSError:
                closed.append(path)
                continue
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            record = before.get(path)
            if (
                record
                and record[0] == status.st_mtime_ns
                and is_unchanged(absolute, record[1].sampled)
            ):
                below.append((path, record[1].subfolders))
                yield path, record
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
    """Yield the contents of folders, read in blocks so that finished ones can be saved."""
    paths = [os.path.join(root, path) for path, _ in changed]
    for start in range(0, len(paths), BLOCK):
        block = paths[start : start + BLOCK]
        batches = [block[first : first + BATCH] for first in range(0, len(block), BATCH)]
        if len(batches) == 1:
            yield from read_folders(block)
            continue
        label = f"DICOM folders {start + 1}-{start + len(block)} of {len(paths)}"
        processes = 1 if len(batches) < WORTH_PROCESSES else workers
        for folders in run_all(
            read_folders, [(batch,) for batch in batches], label=label, workers=processes
        ):
            yield from folders
