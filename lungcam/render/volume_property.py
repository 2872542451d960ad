"""VTK's functions and properties from the tables of the transfer functions."""

from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkVolumeProperty

from lungcam.heat_colors import Colors, Curve
from lungcam.render.transfer_functions import TransferFunctions


def piecewise_function(curve: Curve) -> vtkPiecewiseFunction:
    """Make VTK's function of rows (value, opacity)."""
    function = vtkPiecewiseFunction()
    for value, opacity in curve:
        function.AddPoint(value, opacity)
    return function


def color_function(colors: Colors, scale: float = 1.0) -> vtkColorTransferFunction:
    """Make VTK's function of rows (value, red, green, blue), with the values times `scale`."""
    function = vtkColorTransferFunction()
    for value, red, green, blue in colors:
        function.AddRGBPoint(value * scale, red, green, blue)
    return function


def volume_property(lungs: TransferFunctions, heat: TransferFunctions) -> vtkVolumeProperty:
    """Make the property that gives each component of the volume its own functions.

    The lungs are shaded like a surface; the heat-map glows without light.
    """
    prop = vtkVolumeProperty()
    prop.SetIndependentComponents(True)
    prop.SetInterpolationTypeToLinear()
    for index, (functions, lit) in enumerate(((lungs, True), (heat, False))):
        prop.SetColor(index, color_function(functions.color))
        prop.SetScalarOpacity(index, piecewise_function(functions.opacity))
        prop.SetScalarOpacityUnitDistance(index, 1.0)
        if functions.gradient is not None:
            prop.SetGradientOpacity(index, piecewise_function(functions.gradient))
        prop.SetDisableGradientOpacity(index, functions.gradient is None)
        # the mappers shade all components or none: full ambient light switches shading off
        prop.SetShade(index, True)
        prop.SetAmbient(index, 0.35 if lit else 1.0)
        prop.SetDiffuse(index, 0.75 if lit else 0.0)
        prop.SetSpecular(index, 0.25 if lit else 0.0)
        prop.SetSpecularPower(index, 20.0)
    return prop
