"""Time to read a folder of DICOM slices."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
import torchio as tio
from monai.transforms import LoadImage

from benchmarks import sample
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table, ratios
from benchmarks.measure import Times, alternate
from lungcam.scans import Scan, read_scan

ROUNDS = 5
OWN = "lungcam.scans.read_scan"
HOW = f"""\
## Reading a DICOM folder

LIDC-IDRI-0001, 133 uncompressed slices, into HU in memory. The files are in the system's cache, the
libraries imported; timed alternately, median (least-most) of {ROUNDS} calls after the first
one. The last column is the share of voxels equal to those of `read_scan`, without padding, and with
MONAI's slices, which run from head to foot, reversed. The folder holds only the slices.

`read_scan` checks every slice (one series, modality, orientation, even spacing, duplicates, gantry
tilt, rescaling of each, plausible HU) and refuses or repairs; the others do not.
"""


def measure(folder: str) -> dict[str, Times]:
    """Time the readers.

    Args:
        folder: Folder of slices and nothing else.
    """
    return alternate(readers(Path(folder)), ROUNDS)


def section(data: Path) -> str:
    """Time the readers.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    scan = sample.read(data, sample.LIDC)
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        # readers that take all files of a folder fail on an XML file
        for file in Path(scan.source).glob("*.dcm"):
            os.symlink(file.resolve(), folder / file.name)
        results = on_each_set(measure, folder=folder)
        same = {name: _same_share(read(), scan) for name, read in readers(folder).items()}
    more = {"voxels the same": {name: f"{share:.0%}" for name, share in same.items()}}
    rows = ratio_table(results, dict.fromkeys(same, OWN), ratio="times read_scan", more=more)
    own = next(iter(results.values()))
    best = min(set(same) - {OWN}, key=lambda name: own[name].median)
    end = (
        f"The fastest of the others, {best}, takes {ratios(results, best, OWN)} as long as "
        "`read_scan`."
    )
    return f"{HOW}\n{rows}\n\n{end}\n"


def readers(folder: Path) -> dict[str, Callable[[], np.ndarray]]:
    """Return calls that read a folder of slices as `(W, H, D)` HU."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    monai = LoadImage(reader="PydicomReader", image_only=True)
    return {
        OWN: lambda: read_scan(folder).hu,
        "SimpleITK, names and slices": partial(read_with_itk, folder),
        "SimpleITK, slices only": lambda: _itk_slices(names),
        "pydicom, a plain loop": partial(_pydicom, folder),
        "MONAI, PydicomReader": lambda: np.asarray(monai(folder))[:, :, ::-1],
        "TorchIO": lambda: tio.ScalarImage(folder).numpy()[0],
    }


def read_with_itk(folder: Path) -> np.ndarray:
    """Read the slices of a folder with SimpleITK as `(W, H, D)` HU."""
    return _itk_slices(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))


def _itk_slices(names: tuple[str, ...]) -> np.ndarray:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    return sitk.GetArrayFromImage(reader.Execute()).T


def _pydicom(folder: Path) -> np.ndarray:
    slices = [pydicom.dcmread(file) for file in folder.glob("*.dcm")]
    slices.sort(key=lambda slice_: float(slice_.ImagePositionPatient[2]))
    return np.stack(
        [
            (
                slice_.pixel_array * float(slice_.RescaleSlope) + float(slice_.RescaleIntercept)
            ).astype(np.int16)
            for slice_ in slices
        ]
    ).T


def _same_share(hu: np.ndarray, scan: Scan) -> float:
    """Return the share of voxels outside padding that equal those of a scan."""
    inside = scan.hu > -1024
    return float((hu == scan.hu)[inside].mean()) if hu.shape == scan.hu.shape else 0.0


if __name__ == "__main__":
    sample.script(section, __doc__)
