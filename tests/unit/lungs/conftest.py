"""Chests of boxes and phantoms."""

from functools import cache

import numpy as np
import pytest

from lungcam.cohorts.phantom import Phantom, make_phantom
from lungcam.grid import Grid, reorient


@cache
def _phantom(seed: int, kind: str = "malignant") -> tuple[Phantom, np.ndarray, np.ndarray, Grid]:
    phantom = make_phantom(seed, kind, matrix=112)
    source = Grid(phantom.hu.shape, phantom.affine)
    turned = (reorient(volume, source, source.canonical) for volume in (phantom.hu, phantom.lungs))
    return phantom, *turned, source.canonical


@pytest.fixture
def phantom():
    """Function of (seed, kind) that gives phantom, HU, true lungs and grid in RAS+ order."""
    return _phantom


@pytest.fixture
def boxes():
    """(air, right, left): a body with two lungs, in air, on a table."""
    air = np.ones((90, 70, 50), bool)
    air[5:85, 10:65] = False  # body
    air[5:85, 4:6] = False  # table, with air between it and the body
    left, right = np.zeros_like(air), np.zeros_like(air)
    left[12:36, 20:55, 8:42] = True
    right[50:78, 20:55, 8:42] = True
    return air | left | right, right, left
