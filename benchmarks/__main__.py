"""Run every benchmark and write BENCHMARKS.md: `python -m benchmarks [--data DIR]`."""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    catalogue,
    epoch,
    explaining,
    lung_mask,
    planted,
    reading,
    rendering,
    sample,
    slices,
    tumour_kept,
)
from benchmarks.machine import machine
from benchmarks.measure import ROOT, say
from lungcam.errors import InputError

HEAD = """\
# Benchmarks

lungcam beside what a user would write or pick instead, on public scans. Written by
`python -m benchmarks`; the figures are those of one machine and one run.

{machine}

They say what masks hold and what computing costs; nothing about patients. Research use only.
"""


def main() -> None:
    """Measure, and write the page whole or not at all."""
    data = sample.data_folder(about=__doc__)
    head = HEAD.format(machine=machine())
    try:
        for name in sample.ALL:  # before half an hour has gone
            sample.find(data, name)
        parts = [head, *(one.section(data) for one in (lung_mask, slices, tumour_kept, reading))]
        with tempfile.TemporaryDirectory(prefix="catalogue-") as scratch:
            parts.append(catalogue.section(Path(scratch), catalogue.COUNTS))
        parts += [epoch.section(), planted.section(), explaining.section(), rendering.section()]
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    page, draft = ROOT / "BENCHMARKS.md", ROOT / f"BENCHMARKS.md.{os.getpid()}.part"
    try:
        draft.write_text("\n".join(parts), encoding="utf-8")
        draft.replace(page)
    finally:
        draft.unlink(missing_ok=True)
    say(f"written: {page}")


if __name__ == "__main__":
    main()
