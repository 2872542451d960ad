"""Markdown tables and sections."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.measure import Results


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, first column left-aligned, the others right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def ratio_table(
    results: Results,
    peers: Mapping[str, str],
    *,
    ratio: str,
    names: Mapping[str, str] | None = None,
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """Return a table of ratios to a peer in the same run, then of seconds.

    Args:
        results: Times by instruction set.
        peers: Name of the peer of each row, in the rows' order.
        ratio: Heading of the ratios, such as "times the default".
        names: Names of rows that are shown under another one.
        more: Further columns: cells by heading and row.

    Returns:
        Markdown; a cell is a median, with the least and the most of several calls.
    """
    names, more = names or {}, more or {}
    head = ["", *(f"{ratio}, {name}" for name in results), *(f"s, {name}" for name in results)]
    rows = [
        [
            names.get(row, row),
            *(spread(times[row].relative_to(times[peer])) for times in results.values()),
            *(spread(times[row].runs) for times in results.values()),
            *(cells.get(row, "-") for cells in more.values()),
        ]
        for row, peer in peers.items()
    ]
    return table([*head, *more], rows)


def ratios(results: Results, row: str, peer: str) -> str:
    """Return the ratio of two medians on each instruction set, as a part of a sentence."""
    parts = [
        f"{digits(times[row].median / times[peer].median)} times ({name})"
        for name, times in results.items()
    ]
    return " and ".join(parts)


def spread(values: Sequence[float]) -> str:
    """Return the median, and the least and the most of several values."""
    middle = digits(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({digits(min(values))}-{digits(max(values))})"


def digits(value: float) -> str:
    """Return a positive number in three significant digits or so."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4}f}"


def with_sections(page: str, head: str, sections: Iterable[str]) -> str:
    """Return a page with another head and with these sections in place of those it has.

    A section begins with its heading, `## ...`. Those of the page that are not given stay where
    they are; new ones go to the end.
    """
    _, *kept = ("\n" + page).split("\n## ")
    merged = {heading(section): f"## {section.strip()}\n" for section in kept}
    merged |= {heading(section): section.strip() + "\n" for section in sections}
    return "\n".join([head.strip() + "\n", *merged.values()])


def heading(section: str) -> str:
    """Return the heading of a section, without its marks."""
    return section.strip().splitlines()[0].removeprefix("## ")
