"""The catalogue on disk: one file for each root, in JSON lines.

The first line holds the version and a checksum of the rest; each other line holds one folder. Names
of folders and files stand in it as they are on the disk.

From folders to series: each once, and what there is to say.
"""

import gc
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from operator import attrgetter
from pathlib import Path

from lungcam.cohorts.dicom_index.tags import Series, Tags
from lungcam.cohorts.dicom_index.walk import Entry, Folder, read_sop_uids
from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write

# to be raised whenever a line means something else
VERSION = 2

# by the path below the root: the folder's mtime_ns when it was read, and what was found
Index = dict[str, tuple[int, Folder]]


def index_file(root: Path, cache: Path) -> Path:
    """The file that keeps a root's index."""
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return cache / f"catalogue-{name}.jsonl"


def load(file: Path) -> Index:
    """Read an index; an absent or damaged one, or one of another version, is empty."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
        kept = json.loads(head)
        if kept != _head(body):
            return {}
        with many_objects():
            return dict(map(_entry, body.splitlines()))
    except (OSError, ValueError, TypeError):
        return {}


def save(file: Path, index: Index) -> None:
    """Write an index whole.

    Raises:
        InputError: It cannot be written.
    """
    body = "".join(f"{_line(path, *kept)}\n" for path, kept in index.items()).encode()
    try:
        with atomic_write(file) as temporary, temporary.open("wb") as stream:
            stream.write(json.dumps(_head(body)).encode() + b"\n")
            stream.write(body)
    except OSError as error:
        raise InputError(
            f"{file}: the catalogue cannot be written ({error.strerror or error}); set cache= to a "
            "folder where you may write and the disk has room."
        ) from error


@contextmanager
def many_objects() -> Iterator[None]:
    """Make many objects that stay: Python's search for cycles among them would take most time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _head(body: bytes) -> dict[str, object]:
    return {"version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}


def _line(path: str, mtime_ns: int, folder: Folder) -> str:
    entries = [[entry.slices, entry.digest, *astuple(entry.tags)] for entry in folder.entries]
    return json.dumps([path, mtime_ns, folder.subfolders, folder.sampled, entries, folder.damaged])


def _entry(line: bytes) -> tuple[str, tuple[int, Folder]]:
    path, mtime_ns, subfolders, sampled, entries, damaged = json.loads(line)
    found = [Entry(Tags(*tags), slices, digest) for slices, digest, *tags in entries]
    return path, (
        mtime_ns,
        Folder(subfolders=subfolders, sampled=sampled, entries=found, damaged=damaged),
    )


NAMED = 5
NOTES = {
    "twice": "{} folder(s) repeat a series that lies in another; the one with most slices counts.",
    "damaged": "{} DICOM file(s) cannot be read or name no series and are left out.",
    "nameless": "{} series name no patient; each study of theirs counts as a person.",
    "disagree": (
        "In {} series StudyDate and ClinicalTrialTimePointID name different screening years; "
        "StudyDate is taken."
    ),
}


@dataclass(frozen=True)
class Catalogue:
    """The series below a root.

    Attributes:
        series: Sorted by patient, study and series UID; each series UID once.
        notes: Sentences on what was left out or disagrees, with counts.
    """

    series: list[Series]
    notes: list[str]


def gather(root: Path, index: Index, *, closed: Sequence[str]) -> Catalogue:
    """One row for each series UID.

    Args:
        root: The folder.
        index: What lies below it.
        closed: Folders below it that could not be opened.
    """
    places: dict[str, dict[str, Entry]] = {}
    told: Counter[str] = Counter()
    for path, (_, folder) in sorted(index.items()):
        told["damaged"] += folder.damaged
        for entry in folder.entries:
            places.setdefault(entry.tags.series_uid, {})[path] = entry
    series, parted = [], []
    known: dict[str, dict[str, set[str]]] = {}
    for uid, found in places.items():
        images = {path: one for path, one in found.items() if not one.tags.localizer} or found
        if len(images) > 1 and _are_parts(root, uid, entries=images, known=known):
            parted.append((uid, sorted(images)))
            continue
        # of equals, the first path
        path, entry = max(images.items(), key=lambda one: one[1].slices)
        told["twice"] += len(found) - 1
        told["nameless"] += entry.tags.nameless
        told["disagree"] += entry.tags.disagree
        series.append(_series(root / path, entry))
    notes = [sentence.format(told[key]) for key, sentence in NOTES.items() if told[key]]
    notes += _parted(parted)
    if closed:
        notes.append(
            f"{len(closed)} folder(s) could not be opened and are left out, such as {min(closed)}."
        )
    order = attrgetter("patient_id", "study_uid", "series_uid")
    return Catalogue(sorted(series, key=order), notes)


def _are_parts(
    root: Path,
    uid: str,
    *,
    entries: Mapping[str, Entry],
    known: dict[str, dict[str, set[str]]],
) -> bool:
    """Whether no folder has all images of a series.

    Args:
        root: The root.
        uid: The series.
        entries: What each folder has of it, by path below the root.
        known: Keeps the SOPInstanceUIDs of folders that were read for it.
    """
    if len({(one.slices, one.digest) for one in entries.values()}) == 1:
        return False
    for path in entries.keys() - known.keys():
        try:
            known[path] = read_sop_uids(root / path)
        except OSError:
            known[path] = {}
    held = [known[path].get(uid, set()) for path in entries]
    return len(set().union(*held)) > max(map(len, held))


def _parted(parted: Sequence[tuple[str, list[str]]]) -> list[str]:
    """Sentences on series in parts; folders are named by their paths below the root."""
    if not parted:
        return []
    named = [
        f"{uid} lies in parts in {len(paths)} folders ({', '.join(path or '.' for path in paths)})"
        for uid, paths in parted[:NAMED]
    ]
    more = f"; and {len(parted) - NAMED} more" if len(parted) > NAMED else ""
    return [
        f"{len(parted)} series are left out: {'; '.join(named)}{more}; put the files of each into "
        "one folder."
    ]


def _series(folder: Path, entry: Entry) -> Series:
    tags = entry.tags
    return Series(
        folder=folder,
        patient_id=tags.patient_id,
        study_uid=tags.study_uid,
        series_uid=tags.series_uid,
        modality=tags.modality,
        localizer=tags.localizer,
        slices=entry.slices,
        thickness_mm=tags.thickness_mm,
        kernel=tags.kernel,
        timepoint=tags.timepoint,
    )
