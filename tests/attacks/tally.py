"""Table of the attacks: for each kind the cases tried and held, and the worst memory and time.

A test counts as a case, unless it records `attack`: a dict of `cases`, and `kind`, `held`,
`megabytes` and `seconds` if they are known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pytest

PROPERTY, FOLDER = "attack", "tests/attacks/"
HEAD = ("Attack", "cases", "held", "MB at most", "s at most")


@dataclass
class Tally:
    """Cases of a kind.

    Attributes:
        cases: Cases tried.
        held: Cases that ended as promised.
        megabytes: Largest memory of one, if it was measured.
        seconds: Longest processor time of one, likewise.
    """

    cases: int = 0
    held: int = 0
    megabytes: float | None = None
    seconds: float | None = None

    def add(self, record: dict[str, Any], *, held: bool) -> None:
        """Add the cases of a test."""
        cases = record.get("cases", 1)
        self.cases += cases
        # of a test that has failed, the case that broke it is known
        self.held += record.get("held", cases if held else cases - 1)
        for name in ("megabytes", "seconds"):
            values = [value for value in (getattr(self, name), record.get(name)) if value]
            setattr(self, name, max(values, default=None))


class Tallies:
    """Cases by kind, collected from the reports of tests."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Tally] = {}
        self._failed: set[str] = set()
        self._skipped: set[str] = set()

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of a phase of a test; a test's last one counts its cases."""
        if not report.nodeid.startswith(FOLDER):
            return
        if report.failed:
            self._failed.add(report.nodeid)
        if report.skipped:
            self._skipped.add(report.nodeid)
        if report.when != "teardown" or report.nodeid in self._skipped:
            return
        records = [value for name, value in report.user_properties if name == PROPERTY] or [{}]
        for record in records:
            kind = record.get("kind") or kind_of(report.nodeid)
            tally = self._by_kind.setdefault(kind, Tally())
            tally.add(record, held=report.nodeid not in self._failed)

    def table(self) -> str:
        """Return the table in Markdown, with the sums in its last row."""
        rows = [
            (kind, tally.cases, tally.held, _shown(tally.megabytes, 0), _shown(tally.seconds, 2))
            for kind, tally in sorted(self._by_kind.items())
        ]
        sums = (sum(row[1] for row in rows), sum(row[2] for row in rows))
        return markdown([*rows, ("in all", *sums, "", "")])


def kind_of(nodeid: str) -> str:
    """Return the kind of attack that a test is: its file and its name in words."""
    file, _, name = nodeid.partition("::")
    words = name.partition("[")[0].removeprefix("test_").replace("_", " ")
    return f"{PurePosixPath(file).stem.removeprefix('test_').replace('_', ' ')}: {words}"


def markdown(rows: Iterable[tuple[object, ...]]) -> str:
    """Return rows as a table, numbers to the right."""
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
