"""Contenders: several ways from a scan in memory to the network's input.

A contender converts a scan to its own format and returns the call to measure.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import SimpleITK as sitk

from benchmarks.itk import itk_input
from benchmarks.plain import plain_input
from benchmarks.sample import upright
from lungcam.grid import Grid, resample
from lungcam.lungs import (
    air,
    lung_grid,
    lung_pockets,
    mask_around,
    show_masked,
    trachea,
    zero_centre,
)
from lungcam.lungs.morphology import bounding_box
from lungcam.scans import Scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    ZeroCentre,
    pipeline,
    prepare,
)

SHAPE = (128, 128, 128)
SPACING_MM = 2.5

Contender = Callable[[Scan], Callable[[], np.ndarray]]


def plain(scan: Scan) -> Callable[[], np.ndarray]:
    """Prepare the recipe of SciPy and scikit-image."""
    return partial(plain_input, scan.hu.T, scan.grid.spacing_mm[::-1])


def itk(scan: Scan) -> Callable[[], np.ndarray]:
    """Prepare the recipe of SimpleITK."""
    image = sitk.GetImageFromArray(scan.hu.T)
    image.SetSpacing(scan.grid.spacing_mm)
    return partial(itk_input, image)


def functions(kind: str, scan: Scan) -> Callable[[], np.ndarray]:
    """Prepare the functions of lungcam with one of its masks."""
    return partial(_functions, kind, *upright(scan))


def transforms(kind: str, scan: Scan) -> Callable[[], np.ndarray]:
    """Prepare the TorchIO transforms of lungcam with one of its masks."""
    steps = pipeline(
        {
            "threshold": HUThreshold(),
            "components": LungComponents(),
            "mask": LungMask(kind),
            "view": LungView(SHAPE, SPACING_MM),
            "normalise": ZeroCentre(),
        }
    )
    return lambda: prepare(scan, steps)["input"].numpy()[0]


def _functions(kind: str, hu: np.ndarray, source: Grid) -> np.ndarray:
    pockets = lung_pockets(air(hu), hu, spacing_mm=source.spacing_mm)
    airway = trachea(pockets, hu, spacing_mm=source.spacing_mm)
    pockets ^= airway
    mask = mask_around(pockets, airway, spacing_mm=source.spacing_mm, kind=kind)
    target = lung_grid(pockets, source, shape=SHAPE, spacing_mm=SPACING_MM)
    shown = show_masked(hu, pockets, mask=mask, source=source, target=target)
    inside = resample(pockets, source, target=target, box=bounding_box(pockets)) >= 0.5
    return zero_centre(shown, inside)


PLAIN, ITK = "SciPy + scikit-image", "SimpleITK"
CONTENDERS: dict[str, Contender] = {
    PLAIN: plain,
    ITK: itk,
    "lungcam, recipe": partial(functions, "recipe"),
    "lungcam, closed": partial(functions, "closed"),
    "lungcam, cavity": partial(functions, "cavity"),
    "lungcam, recipe, as transforms": partial(transforms, "recipe"),
    "lungcam, closed, as transforms": partial(transforms, "closed"),
    "lungcam, cavity, as transforms": partial(transforms, "cavity"),
}
