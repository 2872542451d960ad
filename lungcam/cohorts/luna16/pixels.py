"""Where a pixel of LIDC-IDRI's XML stands in a scan of LUNA16.

The XML counts columns and rows in the DICOM images' order, and gives a slice's height in mm. A .mhd
whose axes run against LPS (TransformMatrix -1 ...) has either kept that order, because the DICOM
images ran so themselves, or was mirrored when it was written. In LUNA16 the first occurs: of the
298 series whose findings in LUNA16's tables and in the XML are enough to fit the one to the other,
columns and rows run against x and y in 4, such as
1.3.6.1.4.1.14519.5.2.1.6279.6001.148447286464082095534651426689. Other writers do the second. So
both are tried, and the one that brings more nodules onto LUNA16's annotations is taken.
"""

from collections.abc import Sequence

import numpy as np

from lungcam.grid import Grid


def pixel_grids(grid: Grid) -> list[Grid]:
    """Ways in which a file's voxels may be the pixels of the DICOM images.

    Args:
        grid: Of the .mhd file, in any axis order and direction.

    Returns:
        Grids with the axes (column, row, slice): that of the file's own order first, then the one
        whose pixel (0, 0) has the smallest x and y in LPS; one grid where they are the same.
    """
    canonical = grid.canonical
    affine = canonical.affine.copy()
    affine[:3, 3] = canonical.to_world((canonical.shape[0] - 1, canonical.shape[1] - 1, 0))
    affine[:3, :2] *= -1
    upright = Grid(canonical.shape, affine)
    axial = np.argmax(np.abs(grid.affine[2, :3])) == 2
    # slices may be stored from head to foot: heights are in mm and tell
    same = axial and np.allclose(grid.affine[:3, :2], affine[:3, :2])
    return [grid, upright] if axial and not same else [upright]


def place(pixels: Sequence[tuple[float, float, float]], grid: Grid) -> np.ndarray:
    """Turn columns, rows and heights of slices into RAS mm.

    Args:
        pixels: Column, row (fractions allowed) and z in mm. A slice's height is that of its first
            pixel, ImagePositionPatient, which matters where the slices stand oblique.
        grid: One of `pixel_grids`.

    Returns:
        `(N, 3)` RAS mm.
    """
    index = np.array(pixels, float).reshape(-1, 3)
    index[:, 2] = (index[:, 2] - grid.affine[2, 3]) / grid.affine[2, 2]
    return grid.to_world(index)
