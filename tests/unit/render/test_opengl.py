import os
import subprocess
import sys

import pytest
from vtkmodules.vtkCommonCore import vtkObject, vtkOutputWindow
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
)

from lungcam.render import RenderError, choose_mapper, opengl
from lungcam.render.opengl import quiet_vtk

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


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is a matter of Linux")
def test_no_opengl_is_one_clear_error_and_no_crash():
    ran = draw(__EGL_VENDOR_LIBRARY_DIRS="/nonexistent")
    assert ran.returncode == 0, ran.stderr
    if not ran.stdout:
        pytest.skip("OSMesa is installed, which draws without EGL")
    assert "install libegl1 or libosmesa6" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("name", "mapper"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", vtkFixedPointVolumeRayCastMapper),
        ("softpipe", vtkFixedPointVolumeRayCastMapper),
        ("SWR (LLVM 10)", vtkFixedPointVolumeRayCastMapper),
        ("NVIDIA A100-SXM4-40GB/PCIe/SSE2", vtkGPUVolumeRayCastMapper),
        ("Mesa Intel(R) UHD Graphics 620", vtkGPUVolumeRayCastMapper),
    ],
)
def test_mapper_follows_the_renderer(monkeypatch, name, mapper):
    monkeypatch.setattr(opengl, "opengl_renderer", lambda: name)
    assert choose_mapper().IsA(mapper.__name__)


def test_errors_of_vtk_are_raised_and_its_window_is_put_back():
    before = vtkOutputWindow.GetInstance()
    with pytest.raises(RenderError, match="no such thing"), quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayErrorText("ERROR: no such thing")
    assert vtkOutputWindow.GetInstance() is before
    with quiet_vtk():
        vtkOutputWindow.GetInstance().DisplayWarningText("Warning: never mind")
    assert vtkObject.GetGlobalWarningDisplay()
