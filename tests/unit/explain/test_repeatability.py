import numpy as np
import pytest
import torch

from lungcam.explain import HeatMap
from lungcam.explain.repeatability import NOISE, noisy, repeatability, shifted
from lungcam.grid import Grid

GRID = Grid((9, 8, 10), np.diag([-5.0, 5.0, 4.0, 1.0]))


def blob():
    at = np.stack(np.indices(GRID.shape), axis=-1) - [4, 4, 5]
    return torch.tensor(np.exp(-(at**2).sum(-1) / 4), dtype=torch.float32)[None, None]


def test_a_shifted_grid_sees_the_same_patient():
    image = torch.randn(1, 1, *GRID.shape)
    seen, at = shifted(image, GRID, (2, -1, 0))
    index = np.array([3, 4, 5])
    there = GRID.to_index(at.to_world(index)).round().astype(int)
    assert there.tolist() == [5, 3, 5]
    assert seen[(0, 0, *index)] == image[(0, 0, *there)]
    # the outermost voxels go on
    assert torch.equal(seen[0, 0, -1, 1:], image[0, 0, -1, :-1])


def test_a_map_of_the_image_itself_is_repeated_without_fault():
    image = blob()
    found = repeatability(
        lambda one, grid: HeatMap(one[0, 0].numpy(), grid), image, GRID, np.ones(GRID.shape, bool)
    )
    assert found["shift"] == {
        "spearman": pytest.approx(1, abs=1e-6),
        "peak_mm": pytest.approx(0, abs=1e-9),
        "steady": 1,
    }
    assert found["noise"]["spearman"] > 0.5


def test_a_map_that_hangs_on_the_frame_moves_with_it():
    fixed = blob()[0, 0].numpy()
    found = repeatability(
        lambda _one, grid: HeatMap(fixed, grid), blob(), GRID, np.ones(GRID.shape, bool)
    )
    moved = [5, 5, 4, np.linalg.norm([10, 10, 8])]
    assert found["shift"]["peak_mm"] == pytest.approx(np.mean(moved))
    # two voxels along each axis are more than a cell's diagonal
    assert found["shift"]["steady"] == 0.75
    assert found["shift"]["spearman"] < 0.95
    assert found["noise"] == {"spearman": pytest.approx(1), "peak_mm": 0}


def test_an_empty_map_is_not_repeated():
    empty = np.zeros(GRID.shape, np.float32)
    found = repeatability(
        lambda _one, grid: HeatMap(empty, grid), blob(), GRID, np.ones(GRID.shape, bool)
    )
    assert found["shift"]["steady"] == found["shift"]["spearman"] == 0
    assert np.isnan(found["shift"]["peak_mm"])


def test_noise_is_slight_seeded_and_draws_no_numbers_of_torchs_own():
    image, state = torch.randn(1, 1, 32, 32, 32) * 3 + 1, torch.get_rng_state()
    first = noisy(image, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, noisy(image, 1))
    assert not torch.equal(first, noisy(image, 2))
    assert float((first - image).std() / image.std()) == pytest.approx(NOISE, rel=0.02)
