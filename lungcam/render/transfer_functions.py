"""What is drawn in which colour and how densely: plain tables first, VTK objects from them.

Tables are on the 0-255 display scale. A row of an opacity table is (value, opacity for one
millimetre of path), of a gradient table (change of value from voxel to voxel, factor on the
opacity), of a colour table (value, red, green, blue); opacities, factors and colours run from 0 to
1. Between rows everything is linear, beyond the ends constant.
"""

from typing import NamedTuple

from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkVolumeProperty

Curve = tuple[tuple[float, float], ...]
Colors = tuple[tuple[float, float, float, float], ...]


class TransferFunctions(NamedTuple):
    """How one component of the volume is drawn. `gradient` None: evenly, whatever the slope."""

    opacity: Curve
    color: Colors
    gradient: Curve | None = None


# On the default window -850 HU is 50, -500 HU is 99, water is 170. Lung tissue itself stays all but
# clear; what is drawn is where it ends: faintly at the pleura, densely at vessels and nodules.
LUNGS = TransferFunctions(
    opacity=((0, 0.0), (20, 0.0), (40, 0.04), (80, 0.05), (115, 0.25), (170, 0.8), (255, 0.9)),
    color=(
        (0, 0.35, 0.55, 0.75),
        (60, 0.45, 0.65, 0.85),
        (110, 0.80, 0.80, 0.85),
        (170, 1.0, 0.93, 0.88),
        (255, 1.0, 1.0, 1.0),
    ),
    gradient=((0, 0.0), (4, 0.02), (14, 0.5), (35, 1.0)),
)

HEAT_FLOOR = 0.2
"""Share of its peak below which the heat-map is not drawn, or the picture would be fogged."""

HEAT = TransferFunctions(
    opacity=((0, 0.0), (255 * HEAT_FLOOR, 0.0), (110, 0.05), (180, 0.2), (255, 0.4)),
    color=(
        (0, 0.40, 0.0, 0.10),
        (255 * HEAT_FLOOR, 0.60, 0.0, 0.10),
        (115, 0.90, 0.18, 0.05),
        (180, 1.0, 0.55, 0.08),
        (255, 1.0, 0.95, 0.60),
    ),
)


def piecewise_function(curve: Curve) -> vtkPiecewiseFunction:
    """Turn rows of (value, opacity) into VTK's function."""
    function = vtkPiecewiseFunction()
    for value, opacity in curve:
        function.AddPoint(value, opacity)
    return function


def color_function(colors: Colors, scale: float = 1.0) -> vtkColorTransferFunction:
    """Turn rows of (value, red, green, blue) into VTK's function, with the values times `scale`."""
    function = vtkColorTransferFunction()
    for value, red, green, blue in colors:
        function.AddRGBPoint(value * scale, red, green, blue)
    return function


def volume_property(*components: TransferFunctions) -> vtkVolumeProperty:
    """Give each component of one volume its own functions.

    A component with a gradient curve is lit as a surface; one without glows by itself.
    """
    prop = vtkVolumeProperty()
    prop.SetIndependentComponents(True)
    prop.SetInterpolationTypeToLinear()
    for index, functions in enumerate(components):
        prop.SetColor(index, color_function(functions.color))
        prop.SetScalarOpacity(index, piecewise_function(functions.opacity))
        prop.SetScalarOpacityUnitDistance(index, 1.0)
        lit = functions.gradient is not None
        if lit:
            prop.SetGradientOpacity(index, piecewise_function(functions.gradient))
        prop.SetDisableGradientOpacity(index, not lit)
        # The mappers shade all components or none: full ambient light is what switches it off.
        prop.SetShade(index, True)
        prop.SetAmbient(index, 0.35 if lit else 1.0)
        prop.SetDiffuse(index, 0.75 if lit else 0.0)
        prop.SetSpecular(index, 0.25 if lit else 0.0)
        prop.SetSpecularPower(index, 20.0)
    return prop
