"""A process and all that it has started (Linux)."""

from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Processes below one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(folder.name))
    found, line = [], [pid]
    while line:
        below = children.get(line.pop(), [])
        found += below
        line += below
    return found


def memory(pid: int) -> int:
    """Bytes that a process and those below hold; what they share is counted once."""
    total = 0
    for one in (pid, *descendants(pid)):
        # it may end at any moment
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            line = next(line for line in lines if line.startswith("Pss:"))
            total += int(line.split()[1]) * 1024
    return total
