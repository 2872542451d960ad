"""Processes and their memory (Linux)."""

from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Return all descendants of a process."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(folder.name))
    result, line = [], [pid]
    while line:
        below = children.get(line.pop(), [])
        result += below
        line += below
    return result


def memory(pid: int) -> int:
    """Return the bytes that a process and its descendants hold, shared pages counted once."""
    total = 0
    for process in (pid, *descendants(pid)):
        # the process may end at any moment
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            line = next(line for line in lines if line.startswith("Pss:"))
            total += int(line.split()[1]) * 1024
    return total
