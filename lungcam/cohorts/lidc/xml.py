"""All readings of a source: XML files in a folder or an archive.

An XML file of LIDC-IDRI, read.

The format is that of LidcReadMessage.xsd (http://www.nih.gov), as the files of the collection on
The Cancer Imaging Archive use it.

Which series a source of XML has read, kept in the cache: to parse all of it takes a while.
"""

import gc
import hashlib
import json
import lzma
import math
import os
import tarfile
import xml.etree.ElementTree as ET
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lungcam.cohorts.lidc.annotation import RATINGS, Annotation, Contour, Reading
from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text

CT, XRAY = "LidcReadMessage", "IdriReadMessage"
# what is left aside, in words for a note
UNRATED = "mark(s) without ratings (nodules under 3 mm)"
BAD_RATINGS = "mark(s) with a rating of 0 or without malignancy"
ONE_POINT = "outline(s) of one point"
BAD_OUTLINE = "outline(s) with a value that is no number"
NO_OUTLINE = "rated mark(s) without an outline of two points or more"


class DamagedMessage(Exception):
    """A file that is no XML to be trusted; says why in a few words."""


class ForeignMessage(Exception):
    """XML of another kind; holds the name of its root."""


def read_message(content: bytes, name: str) -> Reading:
    """Read the nodules of 3 mm or more from one file.

    Args:
        content: The file's bytes, in UTF-8. No DOCTYPE and no entity is accepted, so that nothing
            can grow while it is read.
        name: Of the file.

    Raises:
        DamagedMessage: It is not well formed, declares what it must not, or names no series.
        ForeignMessage: It is no reading of a CT series.
    """
    root = _root(content)
    space, _, kind = root.tag.rpartition("}")
    space = space and space + "}"
    if kind != CT:
        raise ForeignMessage(kind)
    header = root.find(f"{space}ResponseHeader")
    found = {} if header is None else {one.tag[len(space) :].lower(): one.text for one in header}
    series = (found.get("seriesinstanceuid") or "").strip()
    if not series:
        raise DamagedMessage("names no series")
    skipped: Counter[str] = Counter()
    annotations = []
    for reader, session in enumerate(root.iterfind(f"{space}readingSession"), 1):
        for nodule in session.iterfind(f"{space}unblindedReadNodule"):
            annotation = _annotation(nodule, space, reader=reader, skipped=skipped)
            if annotation is not None:
                annotations.append(annotation)
    return Reading(
        file_name=name,
        series_uid=series,
        study_uid=(found.get("studyinstanceuid") or "").strip(),
        annotations=tuple(annotations),
        skipped=skipped,
        digest=hashlib.sha256(content).hexdigest()[:16],
    )


def _root(content: bytes) -> ET.Element:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise DamagedMessage("is not in UTF-8") from error
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedMessage("declares a DOCTYPE or an entity")
    try:
        # whatever encoding it declares, what was searched above is what is read
        return ET.fromstring(content, ET.XMLParser(encoding="utf-8"))
    except ET.ParseError as error:
        raise DamagedMessage("is not well-formed XML") from error


def _annotation(
    nodule: ET.Element, space: str, *, reader: int, skipped: Counter[str]
) -> Annotation | None:
    given = nodule.find(f"{space}characteristics")
    if given is None or len(given) == 0:
        skipped[UNRATED] += 1
        return None
    texts = {one.tag[len(space) :]: (one.text or "").strip() for one in given}
    ratings = {name: int(texts[name]) for name in RATINGS if texts.get(name, "").isdecimal()}
    if 0 in ratings.values() or not 1 <= ratings.get("malignancy", 0) <= 5:
        skipped[BAD_RATINGS] += 1
        return None
    contours = [_contour(roi, space, skipped=skipped) for roi in nodule.iterfind(f"{space}roi")]
    drawn = tuple(one for one in contours if one is not None)
    if not any(one.included for one in drawn):
        skipped[NO_OUTLINE] += 1
        return None
    name = (nodule.findtext(f"{space}noduleID") or "").strip()
    return Annotation(reader=reader, nodule_id=name, ratings=ratings, contours=drawn)


def _contour(roi: ET.Element, space: str, *, skipped: Counter[str]) -> Contour | None:
    try:
        z_mm = float(roi.findtext(f"{space}imageZposition") or "nan")
        columns = [int(one.text or "") for one in roi.iter(f"{space}xCoord")]
        rows = [int(one.text or "") for one in roi.iter(f"{space}yCoord")]
        points = np.array([columns, rows], np.int32).T
    except (ValueError, OverflowError):
        skipped[BAD_OUTLINE] += 1
        return None
    if not math.isfinite(z_mm) or points.ndim != 2:
        skipped[BAD_OUTLINE] += 1
        return None
    if len(points) < 2:
        skipped[ONE_POINT] += 1
        return None
    uid = (roi.findtext(f"{space}imageSOP_UID") or "").strip()
    included = (roi.findtext(f"{space}inclusion") or "").strip().upper() != "FALSE"
    return Contour(z_mm=z_mm, sop_uid=uid, included=included, points=points)


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
# the largest of the collection has 2.2 MB
MOST_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Readings:
    """What a source holds.

    Attributes:
        readings: By SeriesInstanceUID, in its order.
        notes: Sentences on what was left aside.
    """

    readings: dict[str, Reading]
    notes: list[str] = field(default_factory=list)


def read_readings(source: str | os.PathLike[str]) -> Readings:
    """Read all readings of CT series.

    Of several files on one series, the one with the most annotations is kept, of equal ones the
    first by path.

    Args:
        source: An .xml file, a folder (of any depth) or a .tar, .tar.gz or .tar.xz archive of them.

    Raises:
        InputError: The source cannot be read, or holds no reading of a CT series.
    """
    source = Path(source)
    kept: dict[str, Reading] = {}
    repeats: Counter[str] = Counter()
    foreign: Counter[str] = Counter()
    damaged: list[str] = []
    with _without_collection():
        for name, content in _contents(source):
            try:
                if content is None:
                    raise DamagedMessage("cannot be read or is far too large")
                one = read_message(content, name.rpartition("/")[2])
            except DamagedMessage as error:
                damaged.append(f"{name} {error}")
            except ForeignMessage as error:
                foreign[str(error)] += 1
            else:
                other = kept.get(one.series_uid)
                repeats[one.series_uid] += other is not None
                if other is None or len(one.annotations) > len(other.annotations):
                    kept[one.series_uid] = one
    if not kept:
        told = f"; {damaged[0]}" if damaged else ""
        raise InputError(
            f"{source}: there is no LIDC-IDRI reading of a CT series ({CT}){told}; give a folder "
            "with the XML files or their archive."
        )
    readings = {uid: kept[uid] for uid in sorted(kept)}
    return Readings(readings, _notes(readings, repeats, foreign=foreign, damaged=damaged))


def xml_files(folder: Path) -> Iterator[Path]:
    """The XML files below a folder, sorted; hidden ones are passed over."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(".xml") and not name.startswith("."):
                yield Path(here, name)


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
        more = f"; and {len(damaged) - 5} more" if len(damaged) > 5 else ""
        notes.append(
            f"{len(damaged)} damaged XML file(s) were skipped: {'; '.join(damaged[:5])}{more}."
        )
    skipped: Counter[str] = Counter()
    for one in readings.values():
        skipped.update(one.skipped)
    if skipped:
        told = ", ".join(f"{count} {what}" for what, count in sorted(skipped.items()))
        notes.append(f"Left aside in the XML files: {told}.")
    return notes


def _contents(source: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield path and bytes of each XML file, sorted but in an archive; None for unreadable ones."""
    if source.is_dir():
        for file in xml_files(source):
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


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no cycles meanwhile: elements form none, and to look takes half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.stat().st_size <= MOST_BYTES else None
    except OSError:
        return None


def _members(source: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield the XML files of an archive as they come; nothing is unpacked to disk."""
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


# to be raised whenever the same files are read otherwise
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Mention:
    """What must be known of a reading before its outlines are; see `Reading`."""

    file_name: str
    series_uid: str
    study_uid: str
    digest: str
    marks: int


class Mentions:
    """A source's readings: in short at once, in full when asked for.

    Attributes:
        source: See `read_readings`.
        short: By series UID.
        notes: See `Readings`.
    """

    def __init__(self, source: Path, cache: Path) -> None:
        """Take what is kept of the source if its files have the same names, sizes and times.

        Raises:
            InputError: See `read_readings`.
        """
        self.source = source
        file = (
            cache / f"xml-{hashlib.sha256(os.path.abspath(source).encode()).hexdigest()[:12]}.json"
        )
        state = [VERSION, *_state(source)]
        kept = _load(file, state)
        if kept is None:
            found = self._full
            self.short = {uid: _mention(one) for uid, one in found.readings.items()}
            self.notes = found.notes
            content = {
                "state": state,
                "notes": self.notes,
                "readings": [asdict(one) for one in self.short.values()],
            }
            write_text(file, json.dumps(content) + "\n")
        else:
            self.short, self.notes = kept

    @cached_property
    def _full(self) -> Readings:
        return read_readings(self.source)

    def full(self) -> dict[str, Reading]:
        """The readings by series UID."""
        return self._full.readings


def _mention(one: Reading) -> Mention:
    return Mention(
        file_name=one.file_name,
        series_uid=one.series_uid,
        study_uid=one.study_uid,
        digest=one.digest,
        marks=len(one.annotations),
    )


def _state(source: Path) -> Iterator[list[str | int]]:
    """Path, size and time of each file; -1 for what cannot be opened."""
    for file in xml_files(source) if source.is_dir() else [source]:
        try:
            status = file.stat()
            yield [str(file), status.st_size, status.st_mtime_ns]
        except OSError:
            yield [str(file), -1, -1]


def _load(file: Path, state: list) -> tuple[dict[str, Mention], list[str]] | None:
    """What is kept; None if it is not there, not whole, or of other files."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["state"] != state:
            return None
        short = [Mention(**one) for one in kept["readings"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {one.series_uid: one for one in short}, kept["notes"]
