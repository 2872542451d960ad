"""Which series a source of XML has read, kept in the cache: to parse all of it takes a while."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from lungcam.cohorts.lidc.annotation import Reading
from lungcam.cohorts.lidc.readings import Readings, read_readings, xml_files
from lungcam.files import write_text

# to be raised whenever the same files are read otherwise
VERSION = 1


@dataclass(frozen=True)
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
    return Mention(one.file_name, one.series_uid, one.study_uid, one.digest, len(one.annotations))


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
