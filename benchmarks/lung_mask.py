"""From a scan in memory to the masked, normalised 128^3 input: time and memory."""

import tempfile
from pathlib import Path

from benchmarks import sample
from benchmarks.contenders import CONTENDERS, ITK, PLAIN
from benchmarks.markdown import table
from benchmarks.measure import alternate, extra_bytes_apart

ROUNDS = 5
DEFAULT = "lungcam, cavity, as transforms"
HOW = f"""\
## From a scan to the network's input

LIDC-IDRI-0001 (133 slices of 512x512, 0.70x2.5 mm, int16), read and in memory; at the end stands a
normalised float32 input of 128^3. All follow the same steps: air below -350 HU, 6-connected pockets
of air, those at the sides dropped, the lungs kept and filled slice by slice, a margin of 4 mm,
mask, crop, resample, normalise.

- *SciPy + scikit-image*: `ndimage.zoom` to 1 mm (cubic, its default), `skimage.measure.label`,
  `binary_fill_holes` a slice, `binary_dilation` with a `ball`, `zoom` to 128^3.
- *SimpleITK*: the same with its filters and linear interpolation (B-splines take longer).
- *lungcam*: the mask on the scan's own voxels, not at 1 mm; its three masks, through the functions
  of `lungcam.lungs` and through `lungcam.transforms.pipeline`, which is what `train.py` and
  `infer.py` run. `cavity` is the default. It also takes the trachea out of the lungs, and its grid
  has 2.5 mm in every scan.

Timed in one process, in turn; median (least-most) of {ROUNDS} calls after the first one. Memory: by
how much resident memory peaks above the process with the scan and the libraries loaded, each in a
process of its own. Each uses as many threads as it does by default.
"""


def section(data: Path) -> str:
    """Measure all contenders.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    scan = sample.read(data, sample.LIDC)
    times = alternate({name: contender(scan) for name, contender in CONTENDERS.items()}, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scan.npz"
        sample.save(scan, file)
        memory = {name: extra_bytes_apart(name, file) for name in CONTENDERS}
    rows = [
        [
            name,
            f"{times[name].first:.2f}",
            times[name],
            f"{times[name].median / times[DEFAULT].median:.1f}",
            f"{memory[name] / 2**20:.0f}",
            f"{memory[name] / scan.hu.size:.1f}",
        ]
        for name in CONTENDERS
    ]
    head = ["", "first call, s", "then, s", "times the default", "extra MiB", "bytes a voxel"]
    ratios = [times[name].median / times[DEFAULT].median for name in (PLAIN, ITK)]
    shares = [memory[name] / memory[DEFAULT] for name in (PLAIN, ITK)]
    end = (
        f"The SciPy recipe took {ratios[0]:.0f} times the time and {shares[0]:.1f} times the extra "
        f"memory of the default, SimpleITK {ratios[1]:.1f} and {shares[1]:.1f} times. Most of "
        "the SciPy recipe's time goes into the cubic resampling to 1 mm; lungcam does without it."
    )
    return f"{HOW}\n{table(head, rows)}\n\n{end}\n"


if __name__ == "__main__":
    sample.script(section, __doc__)
