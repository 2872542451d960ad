"""Series of a DICOM tree, each listed once, and notes on copies, parts and disagreements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from lungcam.cohorts.dicom_index.folder import Entry, read_sop_uids
from lungcam.cohorts.dicom_index.index import Index

NAMED = 5
NOTES = {
    "repeated": (
        "{} folder(s) repeat a series that lies in another; the one with most slices counts."
    ),
    "damaged": "{} DICOM file(s) cannot be read or name no series and are left out.",
    "nameless": "{} series name no patient; each study of theirs counts as a person.",
    "disagree": (
        "In {} series StudyDate and ClinicalTrialTimePointID name different screening years; "
        "StudyDate is used."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One DICOM series in one folder.

    Attributes:
        folder: Folder that directly holds its files.
        patient_id: Research number or pseudonym; see `tags.research_number`.
        study_uid: StudyInstanceUID; empty if the files have none.
        series_uid: SeriesInstanceUID.
        modality: Modality such as CT; callers that want CT alone filter by it.
        localizer: True if all images that were read are localizers (scout views).
        slices: Number of the series' files in the folder; localizers do not count among other
            images, and a multi-frame file counts as one.
        thickness_mm: SliceThickness; None if it is missing or not a positive number. It ranks
            reconstructions and is never used as the distance between slices.
        kernel: ConvolutionKernel; empty if it is missing.
        timepoint: NLST's screening year, 0 to 2; None for other data sets.
    """

    folder: Path
    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    localizer: bool
    slices: int
    thickness_mm: float | None
    kernel: str
    timepoint: int | None


@dataclass(frozen=True)
class Catalogue:
    """Series below a root.

    Attributes:
        series: Series sorted by patient, study and series UID; each series UID once.
        notes: Sentences with counts on what was left out or disagrees.
    """

    series: list[Series]
    notes: list[str]


def gather_series(root: Path, index: Index, *, closed: Sequence[str]) -> Catalogue:
    """Return one series for each UID.

    Args:
        root: Folder of the tree.
        index: Contents of its subfolders.
        closed: Subfolders that could not be opened.
    """
    places: dict[str, dict[str, Entry]] = {}
    counts: Counter[str] = Counter()
    for path, (_, folder) in sorted(index.items()):
        counts["damaged"] += folder.damaged
        for entry in folder.entries:
            places.setdefault(entry.tags.series_uid, {})[path] = entry
    series, split = [], []
    sop_uids: dict[str, dict[str, set[str]]] = {}
    for uid, entries in places.items():
        images = {path: entry for path, entry in entries.items() if not entry.tags.localizer}
        images = images or entries
        if len(images) > 1 and _are_parts(root, uid, entries=images, sop_uids=sop_uids):
            split.append((uid, sorted(images)))
            continue
        # the first path if several have as many slices
        path, entry = max(images.items(), key=lambda item: item[1].slices)
        counts["repeated"] += len(entries) - 1
        counts["nameless"] += entry.tags.nameless
        counts["disagree"] += entry.tags.disagree
        series.append(_series(root / path, entry))
    notes = [sentence.format(counts[key]) for key, sentence in NOTES.items() if counts[key]]
    notes += _split_notes(split)
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
    sop_uids: dict[str, dict[str, set[str]]],
) -> bool:
    """Return True if no folder has all images of a series.

    Args:
        root: Folder of the tree.
        uid: SeriesInstanceUID.
        entries: Entry of the series in each folder, by path below the root.
        sop_uids: SOPInstanceUIDs by folder and series of the folders read so far; it is updated.
    """
    if len({(entry.slices, entry.digest) for entry in entries.values()}) == 1:
        return False
    for path in entries.keys() - sop_uids.keys():
        try:
            sop_uids[path] = read_sop_uids(root / path)
        except OSError:
            sop_uids[path] = {}
    sets = [sop_uids[path].get(uid, set()) for path in entries]
    return len(set().union(*sets)) > max(map(len, sets))


def _split_notes(split: Sequence[tuple[str, list[str]]]) -> list[str]:
    """Return a note on series in parts; folders are named by their paths below the root."""
    if not split:
        return []
    named = [
        f"{uid} lies in parts in {len(paths)} folders ({', '.join(path or '.' for path in paths)})"
        for uid, paths in split[:NAMED]
    ]
    more = f"; and {len(split) - NAMED} more" if len(split) > NAMED else ""
    return [
        f"{len(split)} series are left out: {'; '.join(named)}{more}; put the files of each into "
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
