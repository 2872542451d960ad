"""The order in which a volume's voxels lie in memory."""

import numpy as np

from lungcam.grid import memory_axes


def in_memory_order(volume: np.ndarray) -> np.ndarray:
    """View a volume so that its last axis runs fastest and forwards.

    A CT turned to RAS+ order is a view with swapped and reversed axes; labelling it as it lies
    saves a copy.

    Args:
        volume: Any array, such as a transposed and flipped view.

    Returns:
        A view of the same voxels; `as_laid_out` leads back.
    """
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in volume.strides)
    return volume[flips].transpose(memory_axes(volume))


def as_laid_out(volume: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Turn what was made from `in_memory_order(like)` back to the axes of `like`, as a view."""
    flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in like.strides)
    return volume.transpose(np.argsort(memory_axes(like)))[flips]
