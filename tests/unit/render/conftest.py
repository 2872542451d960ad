import numpy as np
import pytest

from lungcam.render import PictureInputs


@pytest.fixture
def chest():
    """(hu, lungs, spacing): two boxes of lung in soft tissue; the patient's left one is shorter."""
    lungs = np.zeros((64, 40, 32), dtype=bool)
    lungs[6:28, 8:32, 4:28] = True  # low x: the patient's left
    lungs[36:58, 8:32, 4:28] = True
    lungs[6:28, 8:32, 4:9] = False
    hu = np.where(lungs, -850, 40).astype(np.int16)
    hu[~lungs & (np.arange(64)[:, None, None] < 3)] = -1000
    return hu, lungs, (4.0, 4.5, 7.0)


@pytest.fixture
def make_heat():
    """Function of (shape, center, spacing, radius_mm): heat that fades around a voxel."""

    def heat(shape, center, spacing, radius_mm=11):
        grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
        squares = [((g - c) * mm) ** 2 for g, c, mm in zip(grid, center, spacing, strict=True)]
        return (0.003 * np.exp(-sum(squares) / (2 * radius_mm**2))).astype(np.float32)

    return heat


@pytest.fixture
def make_inputs(chest, make_heat):
    """Function of (center, outlines): inputs of a picture with heat around a voxel."""
    hu, lungs, spacing = chest

    def inputs(center, outlines=()):
        heat = make_heat(hu.shape, center, spacing)
        return PictureInputs(hu=hu, lungs=lungs, heat=heat, spacing_mm=spacing, outlines=outlines)

    return inputs
