"""Tests of the thumbnail of a lung mask."""

import tracemalloc

import numpy as np
import pytest

from lungcam.lungs import mask_around, thumbnail
from lungcam.lungs.thumbnail import PIXEL_MM, VIEW_SHAPE

LUNGS, MASK = (0, 220, 255), (255, 210, 0)
SIDE = VIEW_SHAPE[0]


@pytest.fixture
def drawn():
    """Return HU, lungs and mask of boxes; a voxel is a pixel, (30, 20, 25) the middle."""
    hu = np.full((60, 40, 50), 600, np.int16)
    lungs, mask = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    lungs[10:22, 11:30, 6:45] = lungs[40:51, 11:30, 6:45] = True
    mask[8:53, 9:32, 4:47] = True
    hu[lungs] = -1200
    return hu, lungs, mask, (PIXEL_MM,) * 3


def pixels(x=30, y=None, z=None) -> tuple[int, int]:
    """Return row and column of a voxel: axial (with y), coronal (with z) or sagittal (y and z)."""
    half, last = SIDE // 2, SIDE - 1
    if y is not None and z is not None:
        return last - (z - 25 + half), 2 * SIDE + last - (y - 20 + half)
    column = last - (x - 30 + half)
    if z is None:
        return last - (y - 20 + half), column
    return last - (z - 25 + half), SIDE + column


def test_thumbnail_has_three_views(drawn):
    hu, lungs, mask, spacing = drawn
    picture = thumbnail(hu, lungs, mask=mask, spacing_mm=spacing)
    assert picture.shape == (SIDE, 3 * SIDE, 3)
    assert picture.dtype == np.uint8
    assert picture[pixels(45, y=20)].tolist() == [0, 0, 0]
    assert picture[pixels(30, y=20)].tolist() == [255, 255, 255]
    assert picture[pixels(45, z=25)].tolist() == [0, 0, 0]
    # through the right lung: the middle lies between them
    assert picture[pixels(y=20, z=25)].tolist() == [0, 0, 0]
    # outside the volume it is as dark as air
    assert picture[0, 0].tolist() == [0, 0, 0]


def test_right_is_on_the_left_and_anterior_and_head_are_on_top(drawn):
    hu, lungs, mask, spacing = drawn
    hu[47, 26, 25] = hu[47, 20, 41] = -300  # right and in front, right and above
    hu[40, 27, 43] = -300  # in front and above
    picture = thumbnail(hu, lungs, mask=mask, spacing_mm=spacing)
    grey = (picture == picture[:, :, :1]).all(axis=2) & (picture[:, :, 0] == 127)
    axial, coronal, sagittal = np.argwhere(grey)[np.argsort(np.argwhere(grey)[:, 1])]
    assert tuple(axial) == pixels(47, y=26)
    assert tuple(coronal) == pixels(47, z=41)
    assert tuple(sagittal) == pixels(y=27, z=43)
    half = SIDE // 2
    assert max(axial[0], axial[1], coronal[0], sagittal[0]) < half
    assert coronal[1] < SIDE + half
    assert sagittal[1] < 2 * SIDE + half


def test_outlines_follow_the_masks_of_the_slice(drawn):
    hu, lungs, mask, spacing = drawn
    picture = thumbnail(hu, lungs, mask=mask, spacing_mm=spacing)
    for x, y in ((10, 15), (21, 15), (40, 15), (50, 15), (15, 11), (15, 29)):
        assert tuple(picture[pixels(x, y=y)]) == LUNGS
    for x, y in ((8, 20), (52, 20), (30, 9), (30, 31)):
        assert tuple(picture[pixels(x, y=y)]) == MASK
    for x, z in ((10, 20), (50, 20), (15, 6), (15, 44)):
        assert tuple(picture[pixels(x, z=z)]) == LUNGS
    assert tuple(picture[pixels(30, z=46)]) == MASK
    outlined = (picture == LUNGS).all(axis=2)
    assert outlined[:, :SIDE].sum() == 2 * (12 + 19 - 2) + 2 * (11 + 19 - 2)


@pytest.mark.parametrize("seed", [1, 5])
def test_thumbnail_has_the_same_scale_along_all_axes(phantom, segmented, seed):
    """Thick slices are not compressed: the outline has the lungs' size in pixels."""
    case, (lungs, airway) = phantom(seed), segmented(seed)
    spacing = case.grid.spacing_mm
    empty = np.zeros_like(lungs)
    picture = thumbnail(case.hu, lungs, mask=empty, spacing_mm=spacing)
    outlined = (picture == LUNGS).all(axis=2)
    k, row = ((side[0] + side[-1]) // 2 for side in (levels(lungs, 2), levels(lungs, 1)))
    for view, plane, mm in (
        (outlined[:, :SIDE], lungs[:, :, k], (spacing[0], spacing[1])),
        (outlined[:, SIDE : 2 * SIDE], lungs[:, row], (spacing[0], spacing[2])),
    ):
        for axis in range(2):
            pixels = np.flatnonzero(view.any(axis=axis))
            voxels = np.flatnonzero(plane.any(axis=1 - axis))
            drawn_mm, true_mm = np.ptp(pixels) * PIXEL_MM, np.ptp(voxels) * mm[axis]
            assert drawn_mm == pytest.approx(true_mm, abs=PIXEL_MM + mm[axis])
    mask = mask_around(lungs, airway, spacing_mm=spacing)
    assert (thumbnail(case.hu, lungs, mask=mask, spacing_mm=spacing) == MASK).all(
        axis=2
    ).sum() > 150


def levels(mask: np.ndarray, axis: int) -> np.ndarray:
    return np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))


def test_only_the_pixels_of_a_thumbnail_are_read():
    """A copy of the volume would cost more than everything else that prepares a scan."""
    hu = np.full((100, 200, 200), 40, np.int16).transpose(2, 1, 0)[::-1]
    lungs, mask = np.zeros(hu.T.shape, bool).T, np.zeros(hu.T.shape, bool).T
    lungs[40:160, 60:140, 10:90] = mask[38:162, 58:142, 8:92] = True
    tracemalloc.start()
    try:
        thumbnail(hu, lungs, mask=mask, spacing_mm=(1.5, 1.5, 2.5))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20 < lungs.size / 3
