"""Ratios of this machine, next to those of the reference machine in BENCHMARKS.md.

`python -m benchmarks quick` takes three minutes and needs no data: it measures phantoms.
"""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkSmartVolumeMapper

from benchmarks import explaining, instruction_sets, sample, startup
from benchmarks.contenders import CONTENDERS, PLAIN
from benchmarks.lung_mask import DEFAULT
from benchmarks.machine import instructions
from benchmarks.markdown import ratio_table
from benchmarks.measure import ROOT, Results, Times, alternate
from benchmarks.reading import read_with_itk
from benchmarks.rendering import Drawn, chest
from benchmarks.training_steps import CASES, Steps, default_setting, row
from lungcam.render import choose_mapper
from lungcam.runtime.precision import FULL, MIXED
from lungcam.scans import read_scan

ROUNDS, LIMIT_S = 5, 10
MATRIX, VOLUME, PIXELS = 512, (128, 128, 75), 256
NETS = ("small3d", "nodule")
HERE, RATIO = "this machine", "times the peer"
# name of the work: that of its peer
PEERS = {
    "lung mask and grid": "the SciPy recipe",
    "reading a DICOM folder": "SimpleITK",
    **{f"{row(net, MIXED)}: a training step": f"{row(net, FULL)}: a training step" for net in NETS},
    "Grad-CAM of small3d": "a forward pass",
    "a picture": "vtkSmartVolumeMapper",
    startup.HELP: startup.PEER,
}
HOW = f"""\
## Where a machine stands

`python -m benchmarks quick` measures the same on another machine, in about three minutes, and
prints both. Each row is the time of a piece of lungcam's work as a multiple of its peer's, in one
process and alternately, on a phantom of {MATRIX} x {MATRIX} voxels per slice: the lung mask and the
input of 128^3, reading its DICOM slices, a training step in `bf16-mixed` as a multiple of one in
`32-true`, a Grad-CAM, a frame of {PIXELS} x {PIXELS} pixels and start-up. Median (least-most) of
{ROUNDS} calls after the first one, of fewer if they take over {LIMIT_S} s in all.
"""


def measure(matrix: int, pixels: int) -> dict[str, Times]:
    """Time every piece of work and its peer.

    Args:
        matrix: Rows and columns of the phantom's slices.
        pixels: Width and height of a picture.
    """
    times: dict[str, Times] = {}
    with tempfile.TemporaryDirectory(prefix="quick-") as name:
        folder = Path(name)
        scan = sample.write_phantom(folder, matrix)
        work = [
            CONTENDERS[DEFAULT](scan),
            partial(read_scan, folder),
            *(_steps(net, MIXED) for net in NETS),
            explaining.calls("small3d")[explaining.OURS],
            Drawn(chest(VOLUME), choose_mapper(), pixels),
            partial(startup.run, ["train.py", "--help"], folder),
        ]
        peers = [
            CONTENDERS[PLAIN](scan),
            partial(read_with_itk, folder),
            *(_steps(net, FULL) for net in NETS),
            explaining.calls("small3d")[explaining.PLAIN],
            Drawn(chest(VOLUME), vtkSmartVolumeMapper(), pixels),
            partial(startup.run, ["-c", startup.PEER], folder),
        ]
        for names, pair in zip(PEERS.items(), zip(work, peers, strict=True), strict=True):
            calls = dict(zip(names, pair, strict=True))
            times |= alternate(calls, ROUNDS, limit_s=LIMIT_S)
    return times


def section() -> str:
    """Measure this machine as the reference.

    Returns:
        Markdown.
    """
    return f"{HOW}\n{_table(instruction_sets.on_each_set(measure, matrix=MATRIX, pixels=PIXELS))}\n"


def compare(page: str) -> str:
    """Measure this machine, and compare it with the reference.

    Args:
        page: Text of BENCHMARKS.md.

    Returns:
        Markdown.
    """
    results = {HERE: instruction_sets.measure_apart(measure, {}, matrix=MATRIX, pixels=PIXELS)}
    return f"{instructions()}\n\n{_table(results, reference(page))}\n"


def reference(page: str) -> dict[str, dict[str, str]]:
    """Return the ratios in this section of a page, by heading and row; empty without one."""
    section = page.partition(HOW.splitlines()[0] + "\n")[2].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] or [
        [],
        [],
    ]
    return {
        name.replace(RATIO, "reference"): {cells[0]: cells[column] for cells in rows}
        for column, name in enumerate(head)
        if name.startswith(RATIO)
    }


def main() -> None:
    """Measure this machine and print the comparison."""
    print(compare((ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")))


def _steps(net: str, precision: str) -> Callable[[], object]:
    cpu = torch.device("cpu")
    layout = default_setting(CASES[net], cpu)[1]
    return Steps(CASES[net], precision, layout, device=cpu)


def _table(results: Results, more: Mapping[str, Mapping[str, str]] | None = None) -> str:
    names = {work: f"{work} / {peer}" for work, peer in PEERS.items()}
    shown = {
        heading: {w: cells.get(names[w], "-") for w in PEERS}
        for heading, cells in (more or {}).items()
    }
    return ratio_table(results, PEERS, ratio=RATIO, names=names, more=shown)
