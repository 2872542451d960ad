"""Time and memory from a scan to the masked, normalised 128^3 input."""

import tempfile
from pathlib import Path

from benchmarks import sample
from benchmarks.contenders import CONTENDERS, ITK, PLAIN
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table, ratios
from benchmarks.measure import Times, alternate, extra_bytes_apart

ROUNDS, LIMIT_S = 5, 30
DEFAULT = "lungcam, cavity, as transforms"
HOW = f"""\
## From a scan to the network's input

LIDC-IDRI-0001 (133 slices of 512x512, 0.70x2.5 mm, int16) in memory is turned into a normalised
float32 input of 128^3. All contenders follow the same steps: air below -350 HU, 6-connected
components, removal of those at the sides, filling of the lungs slice by slice, a margin of 4 mm,
mask, crop, resample, normalise.

- *SciPy + scikit-image*: `ndimage.zoom` to 1 mm (cubic, its default), `skimage.measure.label`,
  `binary_fill_holes` per slice, `binary_dilation` with a `ball`, `zoom` to 128^3.
- *SimpleITK*: the same with its filters and linear interpolation (B-splines take longer).
- *lungcam*: the mask on the scan's own voxels, not at 1 mm; its three masks, through the functions
  of `lungcam.lungs` and through `lungcam.transforms.pipeline`, which is what `train.py` and
  `infer.py` run. `cavity` is the default. lungcam also removes the trachea, and its grid has 2.5 mm
  in every scan.

Timed alternately in one process; median (least-most) of {ROUNDS} calls after the first one, of
fewer if they take over {LIMIT_S} s in all. Memory is the peak of resident memory above that of the
process with the scan and the libraries loaded, in a separate process each. Each uses its default
number of threads.
"""


def measure(data: str) -> dict[str, Times]:
    """Time all contenders.

    Args:
        data: Folder of the sample data.
    """
    scan = sample.read(Path(data), sample.LIDC)
    calls = {name: contender(scan) for name, contender in CONTENDERS.items()}
    return alternate(calls, ROUNDS, limit_s=LIMIT_S)


def section(data: Path) -> str:
    """Measure all contenders.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, data=data)
    scan = sample.read(data, sample.LIDC)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scan.npz"
        sample.save(scan, file)
        memory = {name: extra_bytes_apart(name, file) for name in CONTENDERS}
    more = {
        "extra MiB": {name: f"{size / 2**20:.0f}" for name, size in memory.items()},
        "bytes per voxel": {name: f"{size / scan.hu.size:.1f}" for name, size in memory.items()},
    }
    rows = ratio_table(
        results, dict.fromkeys(CONTENDERS, DEFAULT), ratio="times the default", more=more
    )
    shares = [memory[name] / memory[DEFAULT] for name in (PLAIN, ITK)]
    end = (
        f"The SciPy recipe took {ratios(results, PLAIN, DEFAULT)} as long as the default and "
        f"{shares[0]:.1f} times the extra memory; SimpleITK took {ratios(results, ITK, DEFAULT)} "
        f"as long and {shares[1]:.1f} times the memory. Most of the SciPy recipe's time is spent "
        "on cubic resampling to 1 mm, which lungcam avoids."
    )
    return f"{HOW}\n{rows}\n\n{end}\n"


if __name__ == "__main__":
    sample.script(section, __doc__)
