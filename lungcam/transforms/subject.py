"""Conversion between images of a TorchIO subject and arrays in RAS+ order on their grids.

A scan stays as it lies in memory: its axes are turned to RAS+ order by a view, since copying a CT
takes more time than finding its lungs.
"""

import numpy as np
import torch
import torchio as tio

from lungcam.grid import Grid, reorient


def volume(subject: tio.Subject, name: str) -> np.ndarray:
    """View image `name` as a `(W, H, D)` array in RAS+ order; a label map as bool."""
    image = subject[name]
    values = image.numpy()[0]
    stored = _stored_grid(image)
    values = reorient(values, stored, target=stored.canonical)
    return values.view(bool) if isinstance(image, tio.LabelMap) else values


def grid(subject: tio.Subject, name: str) -> Grid:
    """Return the grid of `volume(subject, name)`."""
    return _stored_grid(subject[name]).canonical


def add_image(subject: tio.Subject, name: str, *, values: np.ndarray, grid: Grid) -> None:
    """Add a `(W, H, D)` array on a grid as a scalar image."""
    subject.add_image(tio.ScalarImage(tensor=_tensor(values), affine=grid.affine), name)


def add_mask(subject: tio.Subject, name: str, *, mask: np.ndarray, grid: Grid) -> None:
    """Add a `(W, H, D)` bool array on a grid as a label map."""
    subject.add_image(tio.LabelMap(tensor=_tensor(mask.view(np.uint8)), affine=grid.affine), name)


def add_scan_mask(subject: tio.Subject, name: str, *, mask: np.ndarray) -> None:
    """Add a bool array on the voxels of `volume(subject, "image")` as a label map.

    It is stored in the axis order of the image: if it has the image's memory order, too, nothing is
    copied.
    """
    stored = _stored_grid(subject["image"])
    add_mask(subject, name, mask=reorient(mask, stored.canonical, target=stored), grid=stored)


def _stored_grid(image: tio.Image) -> Grid:
    """Return the grid of an image in the axis order in which it is stored."""
    return Grid(tuple(image.spatial_shape), np.asarray(image.affine, float))


def _tensor(values: np.ndarray) -> torch.Tensor:
    """Share memory with an array unless it has reversed axes, which torch does not support."""
    if any(step < 0 for step in values.strides):
        values = values.copy(order="K")
    return torch.from_numpy(values)[None]
