"""Measure what needs no trained net and renew it in BENCHMARKS.md, or see where a machine stands.

`python -m benchmarks [--data DIR]` takes about an hour and keeps the sections that other commands
measure. `python -m benchmarks quick` takes three minutes, needs no data and prints a table.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    catalogue,
    epoch,
    explaining,
    lung_mask,
    planted,
    quick,
    reading,
    rendering,
    sample,
    searching,
    slices,
    startup,
    training_steps,
    tumour_kept,
)
from benchmarks.instruction_sets import avx2_limits
from benchmarks.machine import machine
from benchmarks.markdown import heading, with_sections
from benchmarks.measure import ROOT, say
from lungcam.errors import InputError

HEAD = """\
# Benchmarks

lungcam compared with what a user would write or pick instead, on public scans. `python -m
benchmarks` measures what needs no trained net; the other sections name their command. `python -m
benchmarks quick` shows in three minutes, without data, where your machine stands; `python -m
benchmarks.gpu --out FOLDER` measures a graphics card in five.

The figures are those of one machine. Ratios to a peer in the same run come first, since they carry
over to other machines better than seconds. Every timing is taken twice, in processes of their own:
with all instruction sets of the processor, and held to AVX2, which is what most laptops have, by
{limits}. What has no such switch (SimpleITK, VTK, cc3d, zlib) is the same in both.

{machine}

They describe what masks keep and what computing costs, and nothing about patients. Research use
only.
"""


def sections(data: Path) -> list[Callable[[], str]]:
    """Return the benchmarks that write the page, in its order."""
    return [
        quick.section,
        *(partial(module.section, data) for module in (startup, lung_mask, slices, tumour_kept)),
        partial(reading.section, data),
        catalogue.section,
        training_steps.section,
        epoch.section,
        planted.section,
        explaining.section,
        partial(searching.section, data),
        rendering.section,
    ]


def main() -> None:
    """Run the benchmarks and write the page atomically."""
    if sys.argv[1:] == ["quick"]:
        quick.main()
        return
    data = sample.data_folder(about=__doc__)
    limits = ", ".join(f"`{name}={value}`" for name, value in avx2_limits().items())
    head = HEAD.format(machine=machine(), limits=limits)
    measured = []
    try:
        for name in sample.ALL:  # fail now, not after half an hour
            sample.find(data, name)
        for section in sections(data):
            begun = time.perf_counter()
            measured.append(section())
            say(f"{heading(measured[-1])}: {time.perf_counter() - begun:.0f} s")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    page, draft = ROOT / "BENCHMARKS.md", ROOT / f"BENCHMARKS.md.{os.getpid()}.part"
    try:
        old = page.read_text(encoding="utf-8")
        draft.write_text(with_sections(old, head, measured), encoding="utf-8")
        draft.replace(page)
    finally:
        draft.unlink(missing_ok=True)
    say(f"written: {page}")


if __name__ == "__main__":
    main()
