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
    render_volume(np.full(lungs.shape, -850, np.int16), lungs, None, (1, 1, 1), size=(64, 64))
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


def test_nothing_spills_to_the_terminal(opengl):
    ran = draw()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.fixture
def no_opengl(tmp_path):
    """Environment in which neither EGL nor OSMesa can be loaded, though both may be installed."""
    if sys.platform != "linux":
        pytest.skip("the names of the libraries are Linux's")
    for name in ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (tmp_path / name).touch()
    return {"LD_LIBRARY_PATH": str(tmp_path)}


def test_no_opengl_is_one_clear_error_and_no_crash(no_opengl):
    ran = draw(**no_opengl)
    assert ran.returncode == 0, ran.stderr
    assert "install libegl1 or libosmesa6" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is a matter of Linux")
def test_without_egl_osmesa_is_taken(opengl, tmp_path):
    for name in ("libEGL.so", "libEGL.so.1"):
        (tmp_path / name).touch()
    ran = draw(LD_LIBRARY_PATH=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")
    if ran.stdout:
        assert "install libegl1 or libosmesa6" in ran.stdout
        pytest.skip("OSMesa is not installed: install libosmesa6")


def test_errors_of_vtk_are_raised_and_its_window_is_put_back():
    before = vtkOutputWindow.GetInstance()
    with pytest.raises(RenderError, match="no such thing"), quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayErrorText("ERROR: no such thing")
    assert vtkOutputWindow.GetInstance() is before
    with quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayWarningText("Warning: never mind")
    assert vtkObject.GetGlobalWarningDisplay()
