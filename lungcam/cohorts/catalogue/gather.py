"""From folders to series: each once, and what there is to say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from lungcam.cohorts.catalogue.folder import Entry, read_sop_uids
from lungcam.cohorts.catalogue.index import Index
from lungcam.cohorts.catalogue.series import Series

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


def gather(root: Path, index: Index, closed: Sequence[str]) -> Catalogue:
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
        if len(images) > 1 and _are_parts(root, uid, images, known):
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
