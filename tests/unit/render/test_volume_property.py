import numpy as np
import pytest

from lungcam.heat_colors import interpolate_table
from lungcam.render.transfer_functions import CLASSIC, GRADIENT, LINEAR, heat_functions
from lungcam.render.volume_property import color_function, piecewise_function, volume_property

HEAT = heat_functions("fire")


@pytest.mark.parametrize("curve", [GRADIENT.opacity, GRADIENT.gradient, HEAT.opacity])
def test_opacity_points_reach_vtk_unchanged(curve):
    function = piecewise_function(curve)
    assert function.GetSize() == len(curve)
    for value, opacity in curve:
        assert function.GetValue(value) == pytest.approx(opacity, abs=1e-6)


@pytest.mark.parametrize("colors", [GRADIENT.color, HEAT.color])
def test_color_points_reach_vtk_unchanged(colors):
    function = color_function(colors)
    for value, *rgb in colors:
        assert function.GetColor(value) == pytest.approx(rgb, abs=1e-6)


def test_each_component_has_its_own_functions():
    prop = volume_property(GRADIENT, HEAT)
    assert prop.GetIndependentComponents()
    assert prop.GetScalarOpacity(0).GetValue(170) == pytest.approx(dict(GRADIENT.opacity)[170])
    assert prop.GetScalarOpacity(1).GetValue(180) == pytest.approx(dict(HEAT.opacity)[180])
    assert not prop.GetDisableGradientOpacity(0)
    assert prop.GetDisableGradientOpacity(1)


@pytest.mark.parametrize(("lungs", "disabled"), [(LINEAR, True), (CLASSIC, False)])
def test_gradient_opacity_is_used_if_the_preset_has_it(lungs, disabled):
    prop = volume_property(lungs, HEAT)
    assert prop.GetDisableGradientOpacity(0) == disabled
    assert prop.GetShade(0)
    # heat glows without light
    assert (prop.GetAmbient(1), prop.GetDiffuse(1), prop.GetSpecular(1)) == (1, 0, 0)


def test_values_between_rows_are_linear_as_in_vtk():
    values = np.linspace(-10, 300, 63)
    function, colors = piecewise_function(GRADIENT.opacity), color_function(GRADIENT.color)
    assert interpolate_table(GRADIENT.opacity, values) == pytest.approx(
        [function.GetValue(v) for v in values]
    )
    assert interpolate_table(GRADIENT.color, values) == pytest.approx(
        np.array([colors.GetColor(v) for v in values]), abs=1e-6
    )
