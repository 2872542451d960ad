import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from lungcam.heat_colors import HEAT_FLOOR, heat_colors, interpolate_table, is_colormap
from lungcam.render import RenderOptions, lungs_histogram, otsu_ramp, to_display, transfer_functions
from lungcam.render.transfer_functions import MODE_MIDPOINT, PRESETS, heat_functions


def test_fire_brightens_with_heat():
    luminance = np.array(heat_colors("fire"))[:, 1:] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


@pytest.mark.parametrize("name", ["viridis", "inferno", "hot", "coolwarm"])
def test_colour_maps_of_matplotlib_keep_their_colours(name):
    values = np.linspace(0, 255, 101)
    expected = matplotlib.colormaps[name](values / 255)[:, :3]
    assert interpolate_table(heat_colors(name), values) == pytest.approx(expected, abs=0.06)


def test_weak_heat_is_transparent_and_more_heat_is_denser():
    opacity = interpolate_table(heat_functions("fire").opacity, np.arange(256))
    assert (opacity[: int(255 * HEAT_FLOOR)] == 0).all()
    assert (np.diff(opacity[int(255 * HEAT_FLOOR) :]) > 0).all()


def test_unknown_colour_map_is_recognised():
    assert is_colormap("fire")
    assert is_colormap("magma")
    assert not is_colormap("magmaa")
    assert not is_colormap("")


def test_fire_does_not_import_matplotlib():
    code = (
        "import sys; from lungcam.render import RenderOptions, check_options\n"
        "check_options(RenderOptions()); print('matplotlib' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_default_window_maps_hand_computed_values():
    hu = np.array([-2048, -1200, -1193, -850, -300, 0, 600, 3071], dtype=np.int16)
    # 255 steps over 1800 HU: -1193 is 0.99, -850 is 49.58, -300 is 127.5 (even), 0 is 170
    assert to_display(hu).tolist() == [0, 0, 1, 50, 128, 170, 255, 255]


def test_other_window_keeps_the_shape_and_is_uint8():
    display = to_display(np.array([[-100, 0], [50, 200]]), low=-100, high=100)
    assert display.dtype == np.uint8
    assert display.tolist() == [[0, 128], [191, 255]]


@given(st.lists(st.integers(-3000, 4000), min_size=2, max_size=20))
def test_higher_hu_is_never_darker(hu):
    assert (np.diff(to_display(np.sort(hu)).astype(int)) >= 0).all()


def test_window_that_does_not_rise_is_refused():
    with pytest.raises(ValueError, match="must rise"):
        to_display(np.zeros(3), low=100, high=100)


def test_histogram_counts_the_lungs_only():
    hu = np.full((6, 5, 4), 40, np.int16)
    hu[1:4] = -850
    lungs = hu == -850
    counts = lungs_histogram(hu, lungs)
    assert counts.shape == (256,)
    assert counts.sum() == lungs.sum()
    assert counts[to_display(np.array([-850]))] == lungs.sum()


@given(st.integers(0, 2**32 - 1), st.integers(5, 80), st.integers(120, 200))
def test_ramp_starts_at_the_threshold_of_the_values(seed, first, second):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(first, 8, 900), rng.normal(second, 9, 200)])
    values = np.rint(values.clip(0, 255)).astype(np.uint8)
    ramp = otsu_ramp(np.bincount(values, minlength=256))
    assert ramp.low == threshold_otsu(values)
    assert first < ramp.low < second
    assert ramp.low + 20 <= ramp.high <= 255
    assert ramp.high >= 120


def test_threshold_of_two_values_is_the_lower_value():
    # for any counts
    counts = np.zeros(256, int)
    counts[40], counts[160] = 1000, 7
    assert otsu_ramp(counts).low == 40


@pytest.mark.parametrize("values", [(), (57,)])
def test_threshold_without_two_values_is_midway(values):
    counts = np.zeros(256, int)
    counts[list(values)] = 9
    assert otsu_ramp(counts).low == MODE_MIDPOINT


VALUES = np.arange(256)


def two_modes(first=42, second=160):
    """Histogram of two normal curves, the second a tenth of the first."""
    return np.rint(
        1e6 * np.exp(-(((VALUES - first) / 12) ** 2) / 2)
        + 1e5 * np.exp(-(((VALUES - second) / 13) ** 2) / 2)
    ).astype(int)


@pytest.mark.parametrize("name", PRESETS)
def test_tables_rise_and_stay_between_0_and_1(name):
    lungs, heat = transfer_functions(RenderOptions(preset=name), two_modes())
    for table in (*lungs[:3], *heat[:3]):
        if table is not None:
            rows = np.array(table)
            assert (np.diff(rows[:, 0]) > 0).all()
            assert rows[:, 1:].min() >= 0
            assert rows[:, 1:].max() <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_air_is_transparent(name):
    lungs, _ = transfer_functions(RenderOptions(preset=name), two_modes())
    assert interpolate_table(lungs.opacity, np.array([0.0])) == 0


def test_classic_preset_has_its_known_points():
    lungs, _ = transfer_functions(RenderOptions(preset="classic"), two_modes())
    assert lungs.opacity == ((0, 0), (150, 0.05), (180, 1), (210, 0.1), (255, 0.001))
    assert lungs.gradient == ((1, 0), (5, 0.1), (50, 1))


def test_linear_preset_is_a_line():
    lungs, _ = transfer_functions(RenderOptions(preset="linear"), two_modes())
    opacity = interpolate_table(lungs.opacity, VALUES)
    assert opacity == pytest.approx(opacity[255] * VALUES / 255)
    assert lungs.gradient is None


def test_otsu_preset_hides_the_first_mode_and_shows_the_second():
    lungs, _ = transfer_functions(RenderOptions(preset="otsu"), two_modes())
    opacity = interpolate_table(lungs.opacity, VALUES)
    # the faint surface of the lungs lies below the first mode
    assert (opacity[20:81] == 0).all()
    assert 0 < opacity[:20].max() < 0.05
    assert opacity[round(lungs.shell)] == opacity[:20].max()
    assert opacity[120:201] == pytest.approx(1, abs=0.1)
    ramp = opacity[20:][(opacity[20:] > 0) & (opacity[20:] < 1)]
    assert np.diff(ramp, 2) == pytest.approx(0, abs=1e-9)


def test_gradient_preset_shows_edges_and_not_uniform_tissue():
    lungs, _ = transfer_functions(RenderOptions(preset="gradient"), two_modes())
    assert interpolate_table(lungs.gradient, np.array([0.0])) == 0
    assert interpolate_table(lungs.gradient, np.array([40.0])) == 1
