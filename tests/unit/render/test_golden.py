"""Pictures of fixed scenes equal the golden pictures, with EGL and with OSMesa.

Tolerance: a mean difference of half a step of 255 over the three colours of all pixels, and at most
one pixel in 200 that differs by more than 24 steps. Edges of letters and lines may differ between
versions of OpenGL; on the machine of the golden pictures, EGL and OSMesa agree in every pixel.
VTK before 9.6 shades a little otherwise (a mean difference of 1.3 steps with 9.4).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vtkmodules.vtkCommonCore import vtkVersion

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / "golden").glob("*.png"))


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def is_similar(picture, golden):
    difference = np.abs(picture - golden)
    return difference.mean() <= 0.5 and (difference.max(axis=2) > 24).mean() <= 1 / 200


@pytest.fixture(scope="module", params=["vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow"])
def pictures(request, tmp_path_factory):
    """Folder of the pictures drawn in a window of each class."""
    if sys.platform != "linux":
        pytest.skip("EGL and OSMesa exist on Linux only")
    if vtkVersion.GetVTKMajorVersion() * 100 + vtkVersion.GetVTKMinorVersion() < 906:
        pytest.skip("golden pictures are those of VTK 9.6 and later")
    folder = tmp_path_factory.mktemp("pictures")
    result = subprocess.run(
        [sys.executable, HERE / "golden_chest.py", folder],
        env=os.environ | {"VTK_DEFAULT_OPENGL_WINDOW": request.param},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "Pictures need OpenGL" in result.stderr:
        pytest.skip("no OpenGL: install libegl1 or libosmesa6")
    assert (result.returncode, result.stderr) == (0, "")
    if result.stdout.strip() != request.param:
        pytest.skip(f"{request.param} is not available; VTK opened {result.stdout.strip()}")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_picture_equals_the_golden_picture(pictures, name):
    assert is_similar(read(pictures / f"{name}.png"), read(HERE / "golden" / f"{name}.png"))


@pytest.mark.parametrize("name", NAMES)
def test_tolerance_catches_shifted_recoloured_and_missing_heat(name):
    golden = read(HERE / "golden" / f"{name}.png")
    assert is_similar(golden, golden.copy())
    assert not is_similar(np.roll(golden, 1, axis=1), golden)
    assert not is_similar(np.roll(golden, 1, axis=0), golden)
    # heat in another colour: swap red and blue where they differ
    hot = np.abs(golden[..., 0] - golden[..., 2]) > 60
    assert not is_similar(np.where(hot[..., None], golden[..., ::-1], golden), golden)
    assert not is_similar(
        np.where(hot[..., None], golden.min(axis=2, keepdims=True), golden), golden
    )


def test_golden_pictures_are_few_and_small():
    assert len(NAMES) == 3
    assert all((HERE / "golden" / f"{name}.png").stat().st_size < 60e3 for name in NAMES)
