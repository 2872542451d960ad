"""Heat-maps in the scanner's space: peaks stay at their place on any grid."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import nn

from lungcam.explain import HeatMap, cell_grid, explain, grad_cam, peak_mm
from lungcam.grid import Grid
from lungcam.nets import Small3D

ROTATIONS = {
    "upright": np.eye(3),
    "oblique": Rotation.from_euler("xyz", [10, -20, 35], degrees=True).as_matrix(),
}


def grid_of(shape, directions, spacing, origin):
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions) * spacing
    affine[:3, 3] = origin
    return Grid(shape, affine)


@pytest.mark.parametrize("rotation", ROTATIONS.values(), ids=ROTATIONS)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("sign", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_peak_lies_at_its_cell_on_the_scan(rotation, order, sign):
    cells = grid_of((8, 7, 9), rotation, (9.0, 9.0, 9.0), (-35, 12, -400))
    cell = (5, 2, 6)
    values = np.zeros(cells.shape, np.float32)
    values[cell] = 2
    # the scan: axes swapped and flipped, other spacings, around the same middle
    shape, spacing = (60, 70, 34), np.array([1.1, 0.9, 2.5])
    directions = rotation[:, list(order)] * sign
    origin = cells.to_world((3.5, 3, 4)) - directions @ (spacing * (np.array(shape) - 1) / 2)
    scan = grid_of(shape, directions, spacing, origin)
    shown = HeatMap(values, cells).on(scan)
    assert shown.shape == shape
    expected = cells.to_world(cell)
    voxel = np.unravel_index(shown.argmax(), shape)
    assert (np.abs(scan.to_index(expected) - voxel) <= 0.5 + 1e-6).all()
    # the heat's centre of mass is finer than a voxel
    weights = shown / shown.sum()
    points = scan.to_world(np.stack(np.indices(shape), axis=-1))
    assert (points * weights[..., None]).sum(axis=(0, 1, 2)) == pytest.approx(expected, abs=0.3)


def test_no_heat_beyond_the_cells():
    cells = grid_of((2, 2, 2), np.eye(3), (4, 4, 4), (0, 0, 0))
    scan = grid_of((40, 4, 4), np.eye(3), (1, 1, 1), (-10, 0, 0))
    shown = HeatMap(np.ones((2, 2, 2), np.float32), cells).on(scan)
    x = np.arange(40) - 10
    assert (shown[(x > -2) & (x < 6)] == 1).all()
    assert not shown[(x < -2) | (x > 6)].any()


@pytest.mark.parametrize("rotation", ROTATIONS.values(), ids=ROTATIONS)
def test_a_map_is_linear_between_centres_and_constant_to_the_faces(rotation):
    cells = grid_of((5, 4, 6), rotation, (8.0, 6.0, 10.0), (-30, 5, 70))
    index = np.stack(np.indices(cells.shape), axis=-1)
    slope = np.array([1.5, -2.0, 0.5])
    heat = HeatMap((index @ slope - 3).astype(np.float32), cells)
    # finer, flipped, and two voxels wider than the cells on each side
    spacing = np.array([1.0, 1.5, 1.25])
    shape = tuple(int(n) for n in np.array(cells.shape) * cells.spacing_mm / spacing + 4)
    directions = rotation * (-1, 1, -1)
    middle = cells.to_world((np.array(cells.shape) - 1) / 2)
    corner = middle - directions @ (spacing * (np.array(shape) - 1) / 2)
    fine = grid_of(shape, directions, spacing, corner)
    index = cells.to_index(fine.to_world(np.stack(np.indices(shape), axis=-1)))
    last = np.array(cells.shape) - 1
    within = ((index > -0.5) & (index < last + 0.5)).all(axis=-1)
    expected = np.where(within, index.clip(0, last) @ slope - 3, 0)
    assert not within.all()
    # a voxel on a face may fall on either side
    off_faces = np.minimum(np.abs(index + 0.5), np.abs(index - last - 0.5)) > 1e-3
    clear = off_faces.all(axis=-1)
    assert heat.on(fine)[clear] == pytest.approx(expected[clear], abs=1e-4)


def test_explain_is_grad_cam_on_the_cell_grid():
    torch.manual_seed(0)
    net, grid = Small3D(), grid_of((16, 12, 20), np.eye(3), (4.5, 4.5, 4.5), (-30, -40, -50))
    image = torch.randn(1, 1, *grid.shape)
    heat = explain(net, image, grid=grid, layer="conv3", evidence="for")
    assert heat.values.dtype == np.float32
    assert np.array_equal(heat.values, grad_cam(net, image, layer="conv3")[0].numpy())
    expected = cell_grid(net, "conv3", image=image, grid=grid)
    assert heat.cells.shape == expected.shape == heat.values.shape
    assert np.array_equal(heat.cells.affine, expected.affine)


@pytest.mark.parametrize("voxel", [(9, 6, 12), (4, 13, 7), (14, 9, 3)])
@pytest.mark.parametrize("rotation", ROTATIONS.values(), ids=ROTATIONS)
def test_bright_blob_in_the_image_is_found_in_the_world(voxel, rotation):
    net = nn.Sequential(nn.Conv3d(1, 1, 3, padding=1), nn.MaxPool3d(2), nn.Flatten(1))
    net.append(nn.Linear(9 * 9 * 9, 1))
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)
    grid = grid_of((18, 18, 18), rotation * (-1, -1, 1), (4.5, 3.0, 6.0), (80, 90, -200))
    image = torch.zeros(1, 1, 18, 18, 18)
    low = np.array(voxel) // 2 * 2
    image[(0, 0, *(slice(a, a + 2) for a in low))] = 1
    heat = explain(net, image, grid=grid, layer="1")
    assert peak_mm(heat.values, heat.cells) == pytest.approx(grid.to_world(low + 0.5), abs=1e-4)
