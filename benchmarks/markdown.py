"""Markdown tables and sections."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, first column left-aligned, the others right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def with_sections(page: str, head: str, sections: Iterable[str]) -> str:
    """Return a page with another head and with these sections in place of those it has.

    A section begins with its heading, `## ...`. Those of the page that are not given stay where
    they are; new ones go to the end.
    """
    _, *kept = ("\n" + page).split("\n## ")
    merged = {_heading(section): f"## {section.strip()}\n" for section in kept}
    merged |= {_heading(section): section.strip() + "\n" for section in sections}
    return "\n".join([head.strip() + "\n", *merged.values()])


def _heading(section: str) -> str:
    return section.strip().splitlines()[0].removeprefix("## ")
