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

lungcam compared with what a user would write or pick instead, on public scans. Written by
`python -m benchmarks`; the figures are those of one machine and one run.

{machine}

They describe what masks keep and what computing costs, and nothing about patients. Research use
only.
"""


def main() -> None:
    """Run every benchmark and write the page atomically."""
    data = sample.data_folder(about=__doc__)
    head = HEAD.format(machine=machine())
    try:
        for name in sample.ALL:  # fail now, not after half an hour
            sample.find(data, name)
        parts = [
            head,
            *(module.section(data) for module in (lung_mask, slices, tumour_kept, reading)),
        ]
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
