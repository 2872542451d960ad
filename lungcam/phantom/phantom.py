"""A phantom: a synthetic chest CT with its ground truth."""

from dataclasses import dataclass

import numpy as np

from lungcam.errors import InputError
from lungcam.phantom.canvas import paint_person
from lungcam.phantom.nodule import draw_nodule, paint_nodule
from lungcam.phantom.scanner import acquire

KINDS = ("malignant", "benign", "healthy")


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A synthetic scan and its ground truth.

    Attributes:
        hu: Scan in HU, int16 of shape `(W, H, D)`.
        affine: Affine from voxel index to RAS mm, float64 of shape `(4, 4)`.
        lungs: Mask of both lungs with everything inside them, bool of shape `(W, H, D)`.
        airway: Mask of the air in trachea and main bronchi outside the lungs, bool of the same
            shape.
        nodule: Mask of the nodule without its spikes, bool of the same shape; empty for "healthy".
        kind: "malignant", "benign" or "healthy".
        center_mm: Centroid of `nodule` in RAS mm; None for "healthy".
        diameter_mm: Diameter as drawn; 0.0 for "healthy".
        attachment: Surface that the nodule touches: "none", "wall", "mediastinum" or "apex".
    """

    hu: np.ndarray
    affine: np.ndarray
    lungs: np.ndarray
    airway: np.ndarray
    nodule: np.ndarray
    kind: str
    center_mm: tuple[float, float, float] | None
    diameter_mm: float
    attachment: str

    @property
    def label(self) -> int:
        """1 for a malignant nodule, otherwise 0."""
        return int(self.kind == "malignant")

    @property
    def pleural(self) -> bool:
        """True if the nodule touches the pleura."""
        return self.attachment != "none"

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along the axes of the array."""
        return tuple(np.abs(np.diag(self.affine)[:3]).tolist())


def check_settings(difficulty: float, matrix: int) -> None:
    """Check the settings of a phantom.

    Raises:
        InputError: A setting is out of range.
    """
    if not 0 <= difficulty <= 1:
        raise InputError(
            f"The phantoms' difficulty is {difficulty}; set it from 0 (easy) to 1 (hard)."
        )
    if matrix < 64:
        raise InputError(f"The phantoms' matrix is {matrix}; set it to 64 voxels or more.")


def make_phantom(seed: int, kind: str, *, difficulty: float = 0.5, matrix: int = 192) -> Phantom:
    """Make a synthetic chest CT; the same arguments give the same voxels.

    Args:
        seed: Integer from 0; another seed gives another person on another scanner.
        kind: "malignant" (15-30 mm, spiculated), "benign" (4-9 mm, smooth) or "healthy".
        difficulty: In [0, 1]; raises noise, vessels, the shares of ground glass and of nodules
            attached to the pleura, and the number of benign nodules in addition to the one that
            counts; beyond 0.5 it brings the sizes of both classes closer.
        matrix: Rows and columns of a slice; the field of view stays at 345-360 mm.

    Returns:
        The phantom, its slices 1-5 mm thick by seed.

    Raises:
        InputError: The kind, the difficulty or the matrix is not possible.
    """
    check_settings(difficulty, matrix)
    if kind not in KINDS:
        raise InputError(f"The phantom's kind is {kind!r}; set it to one of {', '.join(KINDS)}.")
    # separate streams, so that the matrix changes neither the person nor the nodule
    streams = np.random.SeedSequence([seed, KINDS.index(kind)]).spawn(4)
    body, scanner, lesion, grain = (np.random.default_rng(stream) for stream in streams)
    canvas = paint_person(body, scanner, tissue=grain, difficulty=difficulty, matrix=matrix)
    hu, chest, grid = canvas.hu, canvas.chest, canvas.grid
    nodule, center, diameter, attachment = np.zeros(hu.shape, bool), None, 0.0, "none"
    if kind != "healthy":
        for _ in range(int(lesion.integers(0, round(4 * difficulty) + 1))):
            paint_nodule(
                hu,
                chest,
                grid=grid,
                nodule=draw_nodule(lesion, chest, malignant=False, difficulty=difficulty),
            )
        drawn = draw_nodule(lesion, chest, malignant=kind == "malignant", difficulty=difficulty)
        box, inside = paint_nodule(hu, chest, grid=grid, nodule=drawn)
        nodule[box] = inside
        center = centroid(box, inside, affine=grid.affine)
        diameter, attachment = drawn.diameter, drawn.attachment
    scan = acquire(grain, hu, grid=grid, sigma=canvas.sigma, padding=canvas.padding)
    lungs = canvas.lungs | nodule
    airway = canvas.airway & ~lungs
    return Phantom(
        hu=scan.T,
        affine=grid.affine,
        lungs=lungs.T,
        airway=airway.T,
        nodule=nodule.T,
        kind=kind,
        center_mm=center,
        diameter_mm=diameter,
        attachment=attachment,
    )


def centroid(
    box: tuple[slice, slice, slice], inside: np.ndarray, *, affine: np.ndarray
) -> tuple[float, float, float]:
    """Return the centroid in RAS mm of the mask `inside` in a box of a `(D, H, W)` volume."""
    middle = np.argwhere(inside).mean(axis=0) + [cut.start for cut in box]
    return tuple((affine[:3, :3] @ middle[::-1] + affine[:3, 3]).tolist())
