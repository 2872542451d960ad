import numpy as np
import pytest

from lungcam.render import Look, transfer_functions
from lungcam.render.presets import PRESETS
from lungcam.render.transfer_functions import at

VALUES = np.arange(256)


def bells(first=42, second=160):
    """Histogram of two bells, the second a tenth of the first."""
    return np.rint(
        1e6 * np.exp(-(((VALUES - first) / 12) ** 2) / 2)
        + 1e5 * np.exp(-(((VALUES - second) / 13) ** 2) / 2)
    ).astype(int)


@pytest.mark.parametrize("name", PRESETS)
def test_tables_rise_and_stay_between_0_and_1(name):
    lungs, heat = transfer_functions(Look(name), bells())
    for table in (*lungs, *heat):
        if table is not None:
            rows = np.array(table)
            assert (np.diff(rows[:, 0]) > 0).all()
            assert rows[:, 1:].min() >= 0
            assert rows[:, 1:].max() <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_air_is_clear(name):
    lungs, _ = transfer_functions(Look(name), bells())
    assert at(lungs.opacity, np.array([0.0])) == 0


def test_classic_has_the_points_it_is_known_by():
    lungs, _ = transfer_functions(Look("classic"), bells())
    assert lungs.opacity == ((0, 0), (150, 0.05), (180, 1), (210, 0.1), (255, 0.001))
    assert lungs.gradient == ((1, 0), (5, 0.1), (50, 1))


def test_linear_is_a_line():
    lungs, _ = transfer_functions(Look("linear"), bells())
    opacity = at(lungs.opacity, VALUES)
    assert opacity == pytest.approx(opacity[255] * VALUES / 255)
    assert lungs.gradient is None


def test_otsu_clears_the_first_mode_and_fills_the_second():
    lungs, _ = transfer_functions(Look("otsu"), bells())
    opacity = at(lungs.opacity, VALUES)
    assert (opacity[5:81] == 0).all()
    assert opacity[120:201] == pytest.approx(1, abs=0.1)
    ramp = opacity[(opacity > 0) & (opacity < 1)]
    assert np.diff(ramp, 2) == pytest.approx(0, abs=1e-9)


def test_gradient_shows_edges_and_not_what_is_even():
    lungs, _ = transfer_functions(Look("gradient"), bells())
    assert at(lungs.gradient, np.array([0.0])) == 0
    assert at(lungs.gradient, np.array([40.0])) == 1
