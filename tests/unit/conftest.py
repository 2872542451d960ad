"""Fixtures that the unit tests of several packages share."""

import os
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(scope="session")
def laid_out():
    """Function of (volume, order, backwards): the same voxels in another memory layout."""

    def lay(volume: np.ndarray, order, backwards) -> np.ndarray:
        flips = tuple(slice(None, None, -1 if back else 1) for back in backwards)
        stored = volume[flips].transpose(order).copy()
        return stored.transpose(np.argsort(order))[flips]

    return lay


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Let code work in this process instead of a pool, by leaving it one processor."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)
