import numpy as np
import pytest
from scipy.stats import spearmanr

from lungcam.explain import HeatMap
from lungcam.explain.similarity import compare, rank_correlation
from lungcam.grid import Grid


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 5, (6, 5, 4)).astype(float)
    second = first + generator.normal(size=first.shape)
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)


def test_a_map_that_is_the_same_everywhere_is_like_no_other():
    assert rank_correlation(np.zeros(8), np.arange(8.0)) == 0
    assert rank_correlation(np.array([]), np.array([])) == 0


def test_maps_are_compared_where_they_stand_in_space():
    values = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    values[4, 4, 4] = 2
    grid = Grid((8, 8, 8), np.diag([5.0, 5.0, 5.0, 1.0]))
    # the same patient through cells that stand one further on
    part = HeatMap(values[1:, :, :-2], grid.crop((slice(1, 8), slice(0, 8), slice(0, 6))))
    whole = HeatMap(values, grid)
    found = compare(whole, part, np.ones(grid.shape, bool))
    assert found == {"spearman": pytest.approx(1), "peak_mm": pytest.approx(0, abs=1e-9)}
    # as arrays they do not fit: moved by a cell, their peaks are apart
    moved = HeatMap(values, Grid(grid.shape, part.cells.affine))
    assert compare(whole, moved, np.ones(grid.shape, bool))["peak_mm"] == pytest.approx(5)
    empty = HeatMap(np.zeros_like(values), grid)
    assert np.isnan(compare(whole, empty, np.ones(grid.shape, bool))["peak_mm"])
