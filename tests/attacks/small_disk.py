"""A small file system of its own, to be filled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of so many bytes in a folder during the block.

    Raises:
        OSError, subprocess.CalledProcessError: Only root may, and not in every container.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mounting = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    subprocess.run(mounting, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)
