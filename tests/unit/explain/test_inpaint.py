import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lungcam.explain.erase import sphere
from lungcam.explain.inpaint import AERATED_HU, inpaint
from lungcam.grid import Grid

GRID = Grid((60, 56, 40), np.diag([0.8, 0.8, 1.5, 1.0]))
CENTER = GRID.to_world((30, 28, 20))


def lung(seed=0):
    """Denser towards the back, with the correlated grain of a scanner."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=GRID.shape), 0.8)
    slope = np.linspace(40, -40, GRID.shape[1])[:, None]
    return np.rint(-850 + slope + noise / noise.std() * 25).astype(np.int16)


def with_nodule():
    hu = lung()
    hu[sphere(GRID, CENTER, 8)] = 30
    return hu


def test_nothing_beside_the_region_changes():
    hu, region = with_nodule(), sphere(GRID, CENTER, 10)
    before = hu.copy()
    painted = inpaint(hu, region, GRID)
    assert np.array_equal(hu, before)
    assert painted.dtype == np.int16
    assert np.array_equal(painted[~region], hu[~region])


def test_what_is_painted_is_like_the_lung_that_was_there():
    region = sphere(GRID, CENTER, 10)
    painted, truth = inpaint(with_nodule(), region, GRID)[region], lung()[region]
    assert painted.mean() == pytest.approx(truth.mean(), abs=5)
    assert painted.std() == pytest.approx(truth.std(), rel=0.25)
    assert painted.min() >= AERATED_HU[0]
    assert painted.max() <= AERATED_HU[1]
    # the trend goes on: voxels at the back are denser
    back = np.argwhere(region)[:, 1] < 28
    expected = truth[back].mean() - truth[~back].mean()
    assert painted[back].mean() - painted[~back].mean() == pytest.approx(expected, abs=8)


def test_the_grain_of_neighbours_is_correlated_as_the_scans():
    region = sphere(GRID, CENTER, 14)
    pairs = region[1:] & region[:-1]

    def correlation(hu):
        return np.corrcoef(hu[1:][pairs], hu[:-1][pairs])[0, 1]

    assert correlation(inpaint(with_nodule(), region, GRID)) == pytest.approx(
        correlation(lung()), abs=0.15
    )


def test_beside_the_chest_wall_lung_is_painted_and_no_wall():
    hu = with_nodule()
    hu[:, 36:] = 40
    region = sphere(GRID, CENTER, 10)
    painted = inpaint(hu, region, GRID)
    assert painted[region].mean() == pytest.approx(-850, abs=25)


def test_it_hangs_on_the_seed_alone():
    hu, region = with_nodule(), sphere(GRID, CENTER, 10)
    assert np.array_equal(inpaint(hu, region, GRID, 3), inpaint(hu, region, GRID, 3))
    assert not np.array_equal(inpaint(hu, region, GRID, 3), inpaint(hu, region, GRID, 4))


def test_without_lung_around_it_is_refused():
    hu = np.full(GRID.shape, 40, np.int16)
    with pytest.raises(ValueError, match="no lung around"):
        inpaint(hu, sphere(GRID, CENTER, 10), GRID)


def test_a_region_at_the_images_edge():
    region = sphere(GRID, GRID.to_world((0, 28, 39)), 10)
    painted = inpaint(with_nodule(), region, GRID)
    assert painted[region].mean() == pytest.approx(lung()[region].mean(), abs=10)
