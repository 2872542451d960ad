"""A CT scan, as a notebook opens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lungcam import scans
from lungcam.api.picture import picture_tag
from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.lungs import lung_mask

if TYPE_CHECKING:
    from lungcam.api.prediction import Prediction
    from lungcam.api.trained_net import TrainedNet


@dataclass(frozen=True, eq=False, repr=False)
class CTScan:
    """CT scan in HU on the scanner's grid.

    Attributes:
        scan: The scan as lungcam's other functions take it.
        path: Path from which it was read.
        series: SeriesInstanceUID that was asked for, if any.
    """

    scan: scans.Scan
    path: Path
    series: str | None = None

    @property
    def hu(self) -> np.ndarray:
        """`(W, H, D)` int16 in HU, in the scan's own axis order."""
        return self.scan.hu

    @property
    def grid(self) -> Grid:
        """Voxel centres in RAS mm."""
        return self.scan.grid

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size in mm along the axes of `hu`."""
        return self.scan.grid.spacing_mm

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences on what was repaired or should be looked at."""
        return self.scan.warnings

    def mask(self, kind: str = "cavity", *, margin_mm: float = 4.0) -> np.ndarray:
        """Return the lung mask, `(W, H, D)` bool on the scan's grid.

        Args:
            kind: `recipe`, `closed` or `cavity`, see `lungcam.lungs.lung_mask`.
            margin_mm: Margin around the lungs in mm.

        Raises:
            InputError: No lungs are found, or there is no such mask.
        """
        canonical = self.grid.canonical
        hu = reorient(self.hu, self.grid, target=canonical)
        try:
            mask = lung_mask(hu, canonical.spacing_mm, kind=kind, margin_mm=margin_mm)
        except ValueError as error:
            raise InputError(f"{self.path}: {error}") from error
        return reorient(mask, canonical, target=self.grid)

    def predict(
        self,
        net: "TrainedNet | str | PathLike[str]",
        *,
        center_mm: tuple[float, float, float] | None = None,
    ) -> "Prediction":
        """Predict the scan; see `lungcam.api.TrainedNet.predict`.

        Args:
            net: A loaded net, its checkpoint, or the folder of its training run.
            center_mm: Centre of the nodule in RAS mm, for a net of nodules.
        """
        from lungcam.api.trained_net import TrainedNet, load

        trained = net if isinstance(net, TrainedNet) else load(net)
        return trained.predict(self, center_mm=center_mm)

    def _repr_html_(self) -> str:
        # matplotlib loads slowly
        from lungcam.report.middle_slices import draw_middle_slices

        canonical = self.grid.canonical
        figure = draw_middle_slices(
            reorient(self.hu, self.grid, target=canonical), canonical.spacing_mm
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.warnings)
        return (
            f"<p>{escape(repr(self)[1:-1])}</p>{picture_tag(figure, 'Slices through the middle')}"
            f"{f'<ul>{notes}</ul>' if notes else ''}"
        )

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.hu.shape))
        spacing = " x ".join(f"{size:g}" for size in np.round(self.spacing_mm, 3))
        return f"<CTScan {self.scan.name}: {shape} voxels of {spacing} mm>"


def read_scan(path: str | PathLike[str], series: str | None = None) -> CTScan:
    """Read one CT scan, of a whole chest or a crop of it.

    Args:
        path: DICOM folder, or .mhd, .mha, .nii, .nii.gz or .nrrd file in HU.
        series: SeriesInstanceUID, where a folder holds several.

    Raises:
        InputError: The scan cannot be read correctly; the message names all faults.

    Examples:
        >>> scan = lungcam.read_scan("path/to/dicom_folder")
        >>> scan.predict("outputs/runs/RUN").probability
    """
    return CTScan(scans.read_scan(path, series, whole_chest=False), Path(path), series)
