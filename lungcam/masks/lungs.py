"""Masks of the lungs from other programs.

Lungs that hold no air, behind an effusion or a collapse, are in no mask that is made from air, but
other programs find them: TotalSegmentator (Wasserthal et al. 2023, doi:10.1148/ryai.230024),
lungmask (Hofmanninger et al. 2020, doi:10.1186/s41747-020-00173-2), and the masks of LUNA16.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.lungs import air, close
from lungcam.masks.label_map import chosen_labels, is_share, label_names, read_labels
from lungcam.masks.mask import Mask, MaskFault, mask_on
from lungcam.masks.placement import check_lungs
from lungcam.masks.read import read_mask
from lungcam.scans import Scan
from lungcam.scans.discover import is_volume_file
from lungcam.scans.silence import silence

# TotalSegmentator writes a file for each of the five lobes
LOBES = (
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
)
LUNG_NAME = re.compile(r"lungs?|(left|right)[ _]lung|lung[ _](left|right)|lung_\w+_lobe_\w+")
AIRWAY_NAME = re.compile(r"trachea|airways?|lung_trachea_bronchia")
# labels of the lungs and of the airway, by all labels of a file
KNOWN_LABELS: dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {
    # LUNA16
    (3, 4, 5): ((3, 4), (5,)),
    # TotalSegmentator 2, of its lobes alone, and with the trachea
    (10, 11, 12, 13, 14, 16): ((10, 11, 12, 13, 14), (16,)),
}
# sets of labels that are all lung: one mask; lungmask's sides and lobes; LUNA16; TotalSegmentator 2
ALL_LUNG = ((1,), (255,), (1, 2), (1, 2, 3, 4, 5), (3, 4), (10, 11, 12, 13, 14))
# what a ball of this radius fits into is no vessel: a part of the lung without air
OPAQUE_MM = 10.0
REMEDY = "give another mask, or leave lungs.mask and the table's cell empty"


@dataclass(frozen=True, eq=False, kw_only=True)
class GivenLungs:
    """Lungs from a file, on the canonical grid of the scan.

    Attributes:
        lungs: `(W, H, D)` bool, both lungs, aerated or not.
        airway: `(W, H, D)` bool, the trachea where the file has it.
        aerated: `(W, H, D)` bool: the lungs without their opaque parts.
    """

    lungs: np.ndarray
    airway: np.ndarray
    aerated: np.ndarray

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """All masks by their name, as `lungcam.transforms.prepare` takes them."""
        return {"lungs": self.lungs, "airway": self.airway, "aerated": self.aerated}


def read_lungs(path: Path, scan: Scan, *, segment: str | None = None) -> GivenLungs:
    """Read the lungs of a scan from the file of another program.

    Args:
        path: Any mask that `read_mask` reads, or TotalSegmentator's folder with a file for each
            lobe.
        scan: The scan.
        segment: Labels, segments or regions of the lungs, joined by commas; None to know them by
            their names, or by the labels of lungmask, LUNA16 or TotalSegmentator.

    Raises:
        InputError: The file cannot be read, does not say what the lungs are, or does not fit the
            scan.
    """
    canonical = scan.grid.canonical
    try:
        lungs, airway = _read(path, scan, segment=segment)
        check_lungs(lungs, scan)
        inside = mask_on(lungs, canonical)
        tube = np.zeros_like(inside) if airway is None else mask_on(airway, canonical) & ~inside
    except MaskFault as fault:
        raise InputError(f"{path}: cannot be used as the lungs: {fault}; {REMEDY}.") from fault
    hu = reorient(scan.hu, scan.grid, target=canonical)
    return GivenLungs(lungs=inside, airway=tube, aerated=aerated(inside, hu, grid=canonical))


def aerated(lungs: np.ndarray, hu: np.ndarray, *, grid: Grid) -> np.ndarray:
    """Return the lungs without the parts that hold no air and into which a ball of 10 mm fits.

    The rest, vessels and small lesions with it, is what a mask made from air holds: the net's input
    is normalised over it.

    Args:
        lungs: `(W, H, D)` bool.
        hu: `(W, H, D)` HU.
        grid: Grid of both.
    """
    solid = lungs & ~air(hu)
    if not solid.any():
        return lungs
    return lungs & close(~solid, grid.spacing_mm, radius_mm=OPAQUE_MM)


def _read(path: Path, scan: Scan, *, segment: str | None) -> tuple[Mask, Mask | None]:
    """Return the lungs, and the airway if the file has it."""
    if path.is_dir() and segment is None:
        files = {_stem(file): file for file in sorted(path.iterdir()) if is_volume_file(file)}
        if any(name in files for name in LOBES):
            return _read_lobes(path, files)
    if path.is_file() and is_volume_file(path):
        with silence():
            return _read_labels(path, segment)
    return read_mask(path, scan, segment=segment), None


def _stem(file: Path) -> str:
    return file.name.split(".")[0].lower()


def _read_lobes(folder: Path, files: dict[str, Path]) -> tuple[Mask, Mask | None]:
    """Join the lobes of TotalSegmentator's folder."""
    missing = [name for name in LOBES if name not in files]
    if missing:
        raise MaskFault(f"of TotalSegmentator's lobes there is no {', '.join(missing)}")
    with silence():
        joined, grid = read_labels(files[LOBES[0]])
        joined = joined != 0
        for name in LOBES[1:]:
            values, other = read_labels(files[name])
            if values.shape != joined.shape or np.abs(other.affine - grid.affine).max() > 1e-3:
                raise MaskFault(f"{name} is on another grid than the other lobes")
            joined |= values != 0
        airway = None
        if "trachea" in files:
            values, place = read_labels(files["trachea"])
            airway = Mask(share=values != 0, grid=place)
    return Mask(share=joined, grid=grid), airway


def _read_labels(file: Path, segment: str | None) -> tuple[Mask, Mask | None]:
    """Read a label map and decide which labels are lung."""
    values, grid = read_labels(file)
    if segment is not None:
        lungs = chosen_labels(file, values, segment=segment)
        return Mask(share=np.isin(values, lungs), grid=grid), None
    if is_share(values):
        return Mask(share=values.astype(np.float32), grid=grid), None
    present = tuple(float(label) for label in np.unique(values) if label != 0)
    names = {label: name for label, name in label_names(file).items() if label in present}
    lungs = [label for label, name in names.items() if LUNG_NAME.fullmatch(name)]
    airway = [label for label, name in names.items() if AIRWAY_NAME.fullmatch(name)]
    if not lungs:
        lungs, airway = KNOWN_LABELS.get(present, ((), ()))
    if not lungs and present in ALL_LUNG:
        lungs = present
    if not lungs:
        listed = ", ".join(f"{label:g}" for label in present[:30])
        raise MaskFault(
            f"nothing says which of its labels {listed} are lung; name them by lungs.segment=[A,B] "
            "or in a column lungs_segment"
        )
    tube = Mask(share=np.isin(values, airway), grid=grid) if len(airway) else None
    return Mask(share=np.isin(values, lungs), grid=grid), tube
