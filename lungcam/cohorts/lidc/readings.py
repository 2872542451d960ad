"""Readings of a source of XML files (a folder or an archive), and their summary in the cache."""

import hashlib
import json
import lzma
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from lungcam.cohorts.lidc.annotation import Reading
from lungcam.cohorts.lidc.xml import CT, XRAY, DamagedXml, ForeignXml, parse_reading
from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text
from lungcam.runtime.garbage import garbage_collection_paused
from lungcam.scans.walk import walk

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
# the largest file of the collection has 2.2 MB
MOST_BYTES = 16 << 20
NAMED = 5
# to be raised whenever the same files give other readings, so that cached summaries are not used
VERSION = 1


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings of a source.

    Attributes:
        readings: Readings by SeriesInstanceUID, sorted by it.
        notes: Sentences on what was skipped.
    """

    readings: dict[str, Reading]
    notes: list[str] = field(default_factory=list)


def read_readings(source: str | os.PathLike[str]) -> Readings:
    """Read all readings of CT series.

    If several files describe one series, the one with the most annotations is used; if these are
    equal, the first by path.

    Args:
        source: An .xml file, a folder (at any depth) or a .tar, .tar.gz or .tar.xz archive.

    Raises:
        InputError: The source cannot be read, or holds no reading of a CT series.
    """
    source = Path(source)
    readings: dict[str, Reading] = {}
    repeats: Counter[str] = Counter()
    foreign: Counter[str] = Counter()
    damaged: list[str] = []
    with garbage_collection_paused():
        for name, content in _contents(source):
            try:
                if content is None:
                    raise DamagedXml("cannot be read or is far too large")
                reading = parse_reading(content, name.rpartition("/")[2])
            except DamagedXml as error:
                damaged.append(f"{name} {error}")
            except ForeignXml as error:
                foreign[str(error)] += 1
            else:
                other = readings.get(reading.series_uid)
                repeats[reading.series_uid] += other is not None
                if other is None or len(reading.annotations) > len(other.annotations):
                    readings[reading.series_uid] = reading
    if not readings:
        example = f"; {damaged[0]}" if damaged else ""
        raise InputError(
            f"{source}: there is no LIDC-IDRI reading of a CT series ({CT}){example}; give a "
            "folder with the XML files or their archive."
        )
    readings = {uid: readings[uid] for uid in sorted(readings)}
    return Readings(readings, _notes(readings, repeats, foreign=foreign, damaged=damaged))


def _notes(
    readings: dict[str, Reading],
    repeats: Counter[str],
    *,
    foreign: Counter[str],
    damaged: Sequence[str],
) -> list[str]:
    notes = []
    if xray := foreign.pop(XRAY, 0):
        notes.append(f"{xray} XML file(s) of chest X-rays ({XRAY}) were skipped.")
    if foreign:
        notes.append(f"{foreign.total()} XML file(s) of another kind were skipped.")
    if count := repeats.total():
        notes.append(
            f"{count} XML file(s) that repeat {sum(map(bool, repeats.values()))} series were "
            "skipped: the one with the most annotations was kept."
        )
    if damaged:
        more = f"; and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
        notes.append(
            f"{len(damaged)} damaged XML file(s) were skipped: {'; '.join(damaged[:NAMED])}{more}."
        )
    skipped: Counter[str] = Counter()
    for reading in readings.values():
        skipped.update(reading.skipped)
    if skipped:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items()))
        notes.append(f"Skipped in the XML files: {counts}.")
    return notes


def _contents(source: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield path and bytes of each XML file, None for an unreadable one; sorted in a folder."""
    if source.is_dir():
        for file in _xml_files(source):
            yield file.relative_to(source).as_posix(), _bytes(file)
    elif not source.exists():
        raise InputError(f"{source}: there is no such file or folder; check the path.")
    elif source.name.lower().endswith(ARCHIVES):
        yield from _members(source)
    elif source.name.lower().endswith(".xml"):
        yield source.name, _bytes(source)
    else:
        raise InputError(
            f"{source}: neither a folder nor one of .xml, {', '.join(ARCHIVES)}; give one of these."
        )


def _xml_files(folder: Path) -> Iterator[Path]:
    """Yield the XML files below a folder, sorted, without hidden ones."""
    for parent, _, names in walk(folder):
        for name in names:
            if name.lower().endswith(".xml") and not name.startswith("."):
                yield parent / name


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.stat().st_size <= MOST_BYTES else None
    except OSError:
        return None


def _members(source: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield the XML files of an archive in its order; nothing is unpacked to disk."""
    try:
        with tarfile.open(source, "r|*") as archive:
            for member in archive:
                if not member.isfile() or not member.name.lower().endswith(".xml"):
                    continue
                stream = archive.extractfile(member)
                small = stream is not None and member.size <= MOST_BYTES
                yield member.name, stream.read() if small else None
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(
            f"{source}: the archive is damaged or cut short; copy it again."
        ) from error


@dataclass(frozen=True, kw_only=True)
class ReadingSummary:
    """Summary of a `Reading`, enough to decide if its contours are needed.

    Attributes:
        file_name: See `Reading`.
        series_uid: See `Reading`.
        study_uid: See `Reading`.
        digest: See `Reading`.
        marks: Number of annotations.
    """

    file_name: str
    series_uid: str
    study_uid: str
    digest: str
    marks: int


class ReadingIndex:
    """Readings of a source: summaries at once from the cache, contours on demand.

    Attributes:
        source: See `read_readings`.
        summaries: Summaries by series UID.
        notes: See `Readings`.
    """

    def __init__(self, source: Path, cache: Path) -> None:
        """Use the cached summaries if the source's files have the same names, sizes and times.

        Raises:
            InputError: See `read_readings`.
        """
        self.source = source
        digest = hashlib.sha256(os.path.abspath(source).encode()).hexdigest()[:12]
        file = cache / f"xml-{digest}.json"
        state = [VERSION, *_state(source)]
        cached = _load(file, state)
        if cached is not None:
            self.summaries, self.notes = cached
            return
        self.summaries = {uid: _summary(reading) for uid, reading in self.readings().items()}
        self.notes = self._source_readings.notes
        content = {
            "state": state,
            "notes": self.notes,
            "readings": [asdict(summary) for summary in self.summaries.values()],
        }
        write_text(file, json.dumps(content) + "\n")

    def readings(self) -> dict[str, Reading]:
        """Return the readings by series UID; the XML files are parsed on the first call."""
        return self._source_readings.readings

    @cached_property
    def _source_readings(self) -> Readings:
        return read_readings(self.source)


def _summary(reading: Reading) -> ReadingSummary:
    return ReadingSummary(
        file_name=reading.file_name,
        series_uid=reading.series_uid,
        study_uid=reading.study_uid,
        digest=reading.digest,
        marks=len(reading.annotations),
    )


def _state(source: Path) -> Iterator[list[str | int]]:
    """Yield path, size and time of each file; -1 for a file that cannot be opened."""
    for file in _xml_files(source) if source.is_dir() else [source]:
        try:
            status = file.stat()
            yield [str(file), status.st_size, status.st_mtime_ns]
        except OSError:
            yield [str(file), -1, -1]


def _load(file: Path, state: list) -> tuple[dict[str, ReadingSummary], list[str]] | None:
    """Return cached summaries and notes; None if missing, damaged or of other files."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["state"] != state:
            return None
        summaries = [ReadingSummary(**item) for item in content["readings"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {summary.series_uid: summary for summary in summaries}, content["notes"]
