"""Time and memory for a growing number of slices."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import sample
from benchmarks.contenders import CONTENDERS, PLAIN
from benchmarks.markdown import table
from benchmarks.measure import alternate, extra_bytes_apart
from lungcam.grid import Grid
from lungcam.scans import Scan

COUNTS = (50, 100, 200, 400, 600)
MOST_SLICES = {PLAIN: 200}
NAMES = (PLAIN, "lungcam, recipe", "lungcam, cavity")
ROUNDS = 3
HOW = f"""\
## Growth with the number of slices

The same chest (LIDC-IDRI-0001, 512x512) cut into more and thinner slices by nearest-neighbour
interpolation, from 6.7 to 0.55 mm. Measured as above; median (minimum-maximum) of {ROUNDS} calls.
The SciPy recipe works at 1 mm, so its cost depends on the millimetres and not on the slices: it is
shown up to {MOST_SLICES[PLAIN]} slices only.
"""


def section(data: Path) -> str:
    """Measure at each number of slices.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    scan = sample.read(data, sample.LIDC)
    rows, costs = [], {}
    for count in COUNTS:
        cut = recut(scan, count)
        names = [name for name in NAMES if count <= MOST_SLICES.get(name, count)]
        times = alternate({name: CONTENDERS[name](cut) for name in names}, ROUNDS)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "scan.npz"
            sample.save(cut, file)
            memory = {name: extra_bytes_apart(name, file) for name in names}
        for name in names:
            costs[name, count] = ms = times[name].median / count * 1000
            rows.append(
                [
                    name,
                    count,
                    times[name],
                    f"{ms:.1f}",
                    f"{memory[name] / 2**20:.0f}",
                    f"{memory[name] / cut.hu.size:.1f}",
                ]
            )
    rows.sort(key=lambda row: NAMES.index(row[0]))
    head = ["", "slices", "time, s", "ms per slice", "extra MiB", "bytes per voxel"]
    least, most = COUNTS[0], COUNTS[-1]
    ends = [
        f"{name}: {costs[name, least]:.1f} ms per slice with {least} slices, "
        f"{costs[name, most]:.1f} with {most}"
        for name in NAMES[1:]
    ]
    end = f"{'; '.join(ends)}. A constant cost per slice means linear growth."
    return f"{HOW}\n{table(head, rows)}\n\n{end}\n"


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


if __name__ == "__main__":
    sample.script(section, __doc__)
