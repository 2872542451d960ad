"""Measure what needs no trained net and renew it in BENCHMARKS.md.

`python -m benchmarks [--data DIR]`. Sections that other commands measure stay as they are.
"""

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
from benchmarks.markdown import with_sections
from benchmarks.measure import ROOT, say
from lungcam.errors import InputError

HEAD = """\
# Benchmarks

lungcam compared with what a user would write or pick instead, on public scans. `python -m
benchmarks` measures what needs no trained net; the other sections name their command. The figures
are those of one machine.

{machine}

They describe what masks keep and what computing costs, and nothing about patients. Research use
only.
"""


def main() -> None:
    """Run the benchmarks and write the page atomically."""
    data = sample.data_folder(about=__doc__)
    head = HEAD.format(machine=machine())
    try:
        for name in sample.ALL:  # fail now, not after half an hour
            sample.find(data, name)
        sections = [module.section(data) for module in (lung_mask, slices, tumour_kept, reading)]
        with tempfile.TemporaryDirectory(prefix="catalogue-") as scratch:
            sections.append(catalogue.section(Path(scratch), catalogue.COUNTS))
        sections += [module.section() for module in (epoch, planted, explaining, rendering)]
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    page, draft = ROOT / "BENCHMARKS.md", ROOT / f"BENCHMARKS.md.{os.getpid()}.part"
    try:
        old = page.read_text(encoding="utf-8")
        draft.write_text(with_sections(old, head, sections), encoding="utf-8")
        draft.replace(page)
    finally:
        draft.unlink(missing_ok=True)
    say(f"written: {page}")


if __name__ == "__main__":
    main()
