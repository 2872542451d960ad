"""A screening exam as NLST keeps it: a localizer and one or two reconstructions."""

import math
from pathlib import Path

import numpy as np

from lungcam.cohorts.phantom.layouts.dicom import Series, write_localizer, write_slices
from lungcam.cohorts.phantom.layouts.subject import Subject

YEARS = (1999, 2000, 2001)  # of T0, T1, T2: fictitious, the same for everybody
THICK_MM = 5.0
SHARP, SOFT = "LUNG", "STANDARD"


def write_exam(
    out: Path,
    pid: str,
    subject: Subject,
    hu: np.ndarray,
    affine: np.ndarray,
    year: int,
    thick: bool = True,
) -> Path:
    """Write the exam of a study year.

    Args:
        out: The tree's root.
        pid: The participant's number.
        subject: The phantom person.
        hu: `(W, H, D)` int16, the scan.
        affine: `(4, 4)`, its voxels' place in RAS mm.
        year: Study year, from 0.
        thick: Whether to write a thick reconstruction beside the thin one.

    Returns:
        Folder of the thin reconstruction below `out`.
    """
    study = f"T{year}"
    folder = Path("NLST", pid, f"01-02-{YEARS[year]}-NLST-LSS-{subject.number('study', study):05d}")
    wanted = [("localizer", "", hu, affine), ("thin", SHARP, hu, affine)]
    if thick:
        wanted.append(("thick", SOFT, *_averaged(hu, affine)))
    field_mm = -affine[0, 0] * hu.shape[0]
    written = {}
    for number, (what, kernel, values, here_affine) in enumerate(wanted, start=1):
        thickness = here_affine[2, 2] if kernel else 0.0
        told = ("0", "OPA", "PHANTOM", *filter(None, (kernel,)), f"{field_mm:.0f}")
        told += (f"{thickness:g}", "120", "40") if thickness else ("LOCALIZER",)
        series = Series(
            pid,
            subject.uid("study", study),
            subject.uid(study, what),
            subject.uid("frame", study),
            number=number,
            description=",".join(told),
            kernel=kernel,
            date=f"{YEARS[year]}0102",
            timepoint=study,
        )
        five = subject.number(study, what)
        written[what] = folder / f"{number}.000000-{''.join(told)}-{five:05d}"

        def sop_uid(k: int, what: str = what) -> str:
            return subject.uid(study, what, k)

        here = out / written[what]
        if what == "localizer":
            write_localizer(here, series, hu, affine, sop_uid(0), "1-001.dcm")
            continue
        names = [f"1-{k + 1:03d}.dcm" for k in range(values.shape[2])]
        write_slices(here, series, values, here_affine, sop_uid, names)
    return written["thin"]


def _averaged(hu: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of neighbouring slices, two or as many as make `THICK_MM`, with their affine."""
    count = max(2, math.ceil(THICK_MM / affine[2, 2]))
    slices = hu.shape[2] // count
    groups = hu[:, :, : slices * count].reshape(*hu.shape[:2], slices, count)
    coarse = affine.copy()
    coarse[2, 2] *= count
    coarse[2, 3] += (count - 1) / 2 * affine[2, 2]
    return np.rint(groups.mean(axis=3)).astype(np.int16), coarse
