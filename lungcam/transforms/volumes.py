"""Between a TorchIO subject and the arrays that the functions of `lungcam.lungs` work on."""

import numpy as np
import torch
import torchio as tio

from lungcam.grid import Grid


def volume(subject: tio.Subject, name: str) -> np.ndarray:
    """Image `name` as a `(W, H, D)` array; a label map as bool."""
    image = subject[name]
    values = image.numpy()[0]
    return values.astype(bool) if isinstance(image, tio.LabelMap) else values


def grid(subject: tio.Subject, name: str) -> Grid:
    """Where image `name` stands."""
    image = subject[name]
    return Grid(tuple(image.spatial_shape), np.asarray(image.affine, float))


def add_image(subject: tio.Subject, name: str, values: np.ndarray, at: Grid) -> None:
    """Add a `(W, H, D)` array on a grid as a scalar image."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))[None]
    subject.add_image(tio.ScalarImage(tensor=tensor, affine=at.affine), name)


def add_mask(subject: tio.Subject, name: str, mask: np.ndarray, at: Grid | None = None) -> None:
    """Add a `(W, H, D)` bool array as a label map, by default on the grid of `image`."""
    tensor = torch.from_numpy(np.ascontiguousarray(mask).view(np.uint8))[None]
    affine = subject["image"].affine if at is None else at.affine
    subject.add_image(tio.LabelMap(tensor=tensor, affine=affine), name)
