"""All readings of a source: XML files in a folder or an archive."""

import gc
import lzma
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.lidc.annotation import Reading
from lungcam.cohorts.lidc.message import (
    CT,
    XRAY,
    DamagedMessage,
    ForeignMessage,
    read_message,
)
from lungcam.errors import InputError

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
    return Readings(readings, _notes(readings, repeats, foreign, damaged))


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
