import numpy as np
import pytest

from lungcam.render.transfer_functions import (
    HEAT,
    HEAT_FLOOR,
    LUNGS,
    color_function,
    piecewise_function,
    volume_property,
)


@pytest.mark.parametrize("curve", [LUNGS.opacity, LUNGS.gradient, HEAT.opacity])
def test_opacity_points_reach_vtk_unchanged(curve):
    function = piecewise_function(curve)
    assert function.GetSize() == len(curve)
    for value, opacity in curve:
        assert function.GetValue(value) == pytest.approx(opacity, abs=1e-6)


@pytest.mark.parametrize("colors", [LUNGS.color, HEAT.color])
def test_color_points_reach_vtk_unchanged(colors):
    function = color_function(colors)
    for value, *rgb in colors:
        assert function.GetColor(value) == pytest.approx(rgb, abs=1e-6)


@pytest.mark.parametrize("functions", [LUNGS, HEAT])
def test_tables_rise_and_stay_between_0_and_1(functions):
    for table in filter(None, functions):
        rows = np.array(table)
        assert (np.diff(rows[:, 0]) > 0).all()
        assert rows[0, 0] == 0
        assert rows[:, 1:].min() >= 0
        assert rows[:, 1:].max() <= 1


def test_air_and_weak_heat_are_clear():
    assert piecewise_function(LUNGS.opacity).GetValue(0) == 0
    assert piecewise_function(HEAT.opacity).GetValue(255 * HEAT_FLOOR) == 0
    assert piecewise_function(HEAT.opacity).GetValue(255 * HEAT_FLOOR + 20) > 0


def test_hotter_is_brighter():
    luminance = np.array(HEAT.color)[:, 1:] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_each_component_has_its_own_functions():
    prop = volume_property(LUNGS, HEAT)
    assert prop.GetIndependentComponents()
    assert prop.GetScalarOpacity(0).GetValue(170) == pytest.approx(dict(LUNGS.opacity)[170])
    assert prop.GetScalarOpacity(1).GetValue(180) == pytest.approx(dict(HEAT.opacity)[180])
    assert not prop.GetDisableGradientOpacity(0)
    assert prop.GetDisableGradientOpacity(1)
