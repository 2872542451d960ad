"""Time and memory for a growing number of slices."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import sample
from benchmarks.contenders import CONTENDERS, ITK
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import digits, ratio_table
from benchmarks.measure import Results, Times, alternate, extra_bytes_apart
from lungcam.grid import Grid
from lungcam.scans import Scan

COUNTS = (50, 100, 200, 400, 600)
OURS = "lungcam, cavity"
ROUNDS, LIMIT_S = 3, 12
HOW = f"""\
## Growth with the number of slices

The same chest (LIDC-IDRI-0001, 512x512) cut into more and thinner slices by nearest-neighbour
interpolation, from 6.7 to 0.55 mm. Measured as above; median (least-most) of {ROUNDS} calls, of
fewer if they take over {LIMIT_S} s in all. SimpleITK works at 1 mm, so its cost depends on the
millimetres more than on the slices.
"""


def measure(data: str) -> dict[str, Times]:
    """Time both contenders at each number of slices.

    Args:
        data: Folder of the sample data.
    """
    scan, times = sample.read(Path(data), sample.LIDC), {}
    for count in COUNTS:
        cut = recut(scan, count)
        calls = {_row(name, count): CONTENDERS[name](cut) for name in (ITK, OURS)}
        times |= alternate(calls, ROUNDS, limit_s=LIMIT_S)
    return times


def section(data: Path) -> str:
    """Measure at each number of slices.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, data=data)
    scan = sample.read(data, sample.LIDC)
    mib, per_voxel = {}, {}
    for count in COUNTS:
        cut = recut(scan, count)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "scan.npz"
            sample.save(cut, file)
            for name in (ITK, OURS):
                size = extra_bytes_apart(name, file)
                mib[_row(name, count)] = f"{size / 2**20:.0f}"
                per_voxel[_row(name, count)] = f"{size / cut.hu.size:.1f}"
    peers = {_row(name, count): _row(OURS, count) for name in (ITK, OURS) for count in COUNTS}
    more = {"extra MiB": mib, "bytes per voxel": per_voxel}
    rows = ratio_table(results, peers, ratio="times lungcam", more=more)
    return f"{HOW}\n{rows}\n\n{_conclusion(results)}\n"


def recut(scan: Scan, count: int) -> Scan:
    """Resample a scan to another number of slices, by nearest neighbour.

    Args:
        scan: Scan with slices along the last axis.
        count: Number of slices.

    Returns:
        The scan, in the same memory layout.
    """
    ratio = scan.hu.shape[2] / count
    nearest = ((np.arange(count) + 0.5) * ratio).astype(int)
    hu = np.asfortranarray(scan.hu[:, :, nearest])
    affine = scan.grid.affine @ np.diag([1, 1, ratio, 1])
    return Scan(name=scan.name, source=scan.source, hu=hu, grid=Grid(hu.shape, affine))


def _row(name: str, count: int) -> str:
    return f"{name}, {count} slices"


def _conclusion(results: Results) -> str:
    """Compare lungcam's cost of a slice with few slices and with many."""
    parts = []
    for name, times in results.items():
        ends = [
            f"{digits(times[_row(OURS, count)].median / count * 1e3)} ms with {count} slices"
            for count in (COUNTS[0], COUNTS[-1])
        ]
        parts.append(f"{' and '.join(ends)} ({name})")
    return (
        f"{OURS} takes per slice: {'; '.join(parts)}. A constant cost per slice means linear "
        "growth."
    )


if __name__ == "__main__":
    sample.script(section, __doc__)
