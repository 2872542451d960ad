import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from lungcam.render.colormap import HEAT_FLOOR, heat_colors, heat_functions, is_colormap
from lungcam.render.transfer_functions import at


def test_fire_brightens_with_heat():
    luminance = np.array(heat_colors("fire"))[:, 1:] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


@pytest.mark.parametrize("name", ["viridis", "inferno", "hot", "coolwarm"])
def test_names_of_matplotlib_are_its_colors(name):
    values = np.linspace(0, 255, 101)
    expected = matplotlib.colormaps[name](values / 255)[:, :3]
    assert at(heat_colors(name), values) == pytest.approx(expected, abs=0.06)


def test_weak_heat_is_clear_and_more_heat_is_denser():
    opacity = at(heat_functions("fire").opacity, np.arange(256))
    assert (opacity[: int(255 * HEAT_FLOOR)] == 0).all()
    assert (np.diff(opacity[int(255 * HEAT_FLOOR) :]) > 0).all()


def test_a_name_that_does_not_exist_is_told():
    assert is_colormap("fire")
    assert is_colormap("magma")
    assert not is_colormap("magmaa")
    assert not is_colormap("")


def test_fire_does_without_matplotlib():
    code = (
        "import sys; from lungcam.render import Look, check_look; check_look(Look()); "
        "print('matplotlib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
