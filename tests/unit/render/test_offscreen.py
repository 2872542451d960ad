import os
import subprocess
import sys

import pytest
from vtkmodules.vtkCommonCore import vtkObject, vtkOutputWindow

from lungcam.render import RenderError
from lungcam.render.offscreen import quiet_vtk

DRAW = """
import numpy as np
from lungcam.render import RenderError, render_volume
lungs = np.zeros((20, 20, 20), bool)
lungs[4:16, 4:16, 4:16] = True
try:
    hu = np.full(lungs.shape, -850, np.int16)
    render_volume(hu, lungs, heat=None, spacing_mm=(1, 1, 1), size=(64, 64))
except RenderError as error:
    print(error)
"""


def draw(**environment):
    return subprocess.run(
        [sys.executable, "-c", DRAW],
        env={k: v for k, v in os.environ.items() if k != "DISPLAY"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_nothing_is_printed_to_the_terminal(opengl):
    result = draw()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.fixture
def no_opengl(tmp_path):
    """Environment in which neither EGL nor OSMesa can be loaded, even if both are installed."""
    if sys.platform != "linux":
        pytest.skip("the libraries have these names on Linux only")
    for name in ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (tmp_path / name).touch()
    return {"LD_LIBRARY_PATH": str(tmp_path)}


def test_missing_opengl_is_a_one_line_error_and_not_a_crash(no_opengl):
    result = draw(**no_opengl)
    assert result.returncode == 0, result.stderr
    assert "install libegl1 or libosmesa6" in result.stdout
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="EGL exists on Linux only")
def test_osmesa_is_used_without_egl(opengl, tmp_path):
    for name in ("libEGL.so", "libEGL.so.1"):
        (tmp_path / name).touch()
    result = draw(LD_LIBRARY_PATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    if result.stdout:
        assert "install libegl1 or libosmesa6" in result.stdout
        pytest.skip("OSMesa is not installed: install libosmesa6")


def test_errors_of_vtk_are_raised_and_its_output_window_is_restored():
    previous = vtkOutputWindow.GetInstance()
    with pytest.raises(RenderError, match="no such thing"), quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayErrorText("ERROR: no such thing")
    assert vtkOutputWindow.GetInstance() is previous
    with quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayWarningText("Warning: never mind")
    assert vtkObject.GetGlobalWarningDisplay()
