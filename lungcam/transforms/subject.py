"""Between a TorchIO subject and the arrays that the functions of `lungcam.lungs` work on.

A scan stays as it lies in memory: its axes are turned to RAS+ order by a view, since to copy a CT
costs more time than to find its lungs.
"""

import numpy as np
import torch
import torchio as tio

from lungcam.grid import Grid, reorient


def volume(subject: tio.Subject, name: str) -> np.ndarray:
    """View image `name` as a `(W, H, D)` array in RAS+ order; a label map as bool."""
    image = subject[name]
    values = image.numpy()[0]
    own = _own_grid(image)
    values = reorient(values, own, target=own.canonical)
    return values.view(bool) if isinstance(image, tio.LabelMap) else values


def grid(subject: tio.Subject, name: str) -> Grid:
    """Where the voxels of `volume(subject, name)` stand."""
    return _own_grid(subject[name]).canonical


def add_image(subject: tio.Subject, name: str, *, values: np.ndarray, at: Grid) -> None:
    """Add a `(W, H, D)` array on a grid as a scalar image."""
    subject.add_image(tio.ScalarImage(tensor=_tensor(values), affine=at.affine), name)


def add_mask(subject: tio.Subject, name: str, *, mask: np.ndarray, at: Grid) -> None:
    """Add a `(W, H, D)` bool array on a grid as a label map."""
    subject.add_image(tio.LabelMap(tensor=_tensor(mask.view(np.uint8)), affine=at.affine), name)


def _own_grid(image: tio.Image) -> Grid:
    return Grid(tuple(image.spatial_shape), np.asarray(image.affine, float))


def _tensor(values: np.ndarray) -> torch.Tensor:
    """Share memory where torch can: it knows no reversed axes."""
    if any(step < 0 for step in values.strides):
        values = values.copy(order="K")
    return torch.from_numpy(values)[None]
