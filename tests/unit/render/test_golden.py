"""The same scenes as on the day the golden pictures were drawn, wherever OpenGL comes from.

Tolerance: over the three colours of all pixels a mean difference of half a step of 255, and at most
one pixel in 200 that differs by more than 24 steps. Edges of letters and lines may differ between
versions of OpenGL; where it was drawn, EGL and OSMesa agree in every pixel.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / "golden").glob("*.png"))


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def alike(one, other):
    away = np.abs(one - other)
    return away.mean() <= 0.5 and (away.max(axis=2) > 24).mean() <= 1 / 200


@pytest.fixture(scope="module", params=["vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow"])
def drawn(request, tmp_path_factory):
    """Folder of the pictures as they are drawn now, in a window of that class."""
    if sys.platform != "linux":
        pytest.skip("EGL and OSMesa are matters of Linux")
    folder = tmp_path_factory.mktemp("drawn")
    ran = subprocess.run(
        [sys.executable, HERE / "golden_chest.py", folder],
        env=os.environ | {"VTK_DEFAULT_OPENGL_WINDOW": request.param},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "Pictures need OpenGL" in ran.stderr:
        pytest.skip("no OpenGL: install libegl1 or libosmesa6")
    assert (ran.returncode, ran.stderr) == (0, "")
    if ran.stdout.strip() != request.param:
        pytest.skip(f"{request.param} gives nothing here; VTK took {ran.stdout.strip()}")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_the_golden_one(drawn, name):
    assert alike(read(drawn / f"{name}.png"), read(HERE / "golden" / f"{name}.png"))


@pytest.mark.parametrize("name", NAMES)
def test_the_tolerance_catches_what_is_shifted_recolored_or_gone(name):
    golden = read(HERE / "golden" / f"{name}.png")
    assert alike(golden, golden.copy())
    assert not alike(np.roll(golden, 1, axis=1), golden)
    assert not alike(np.roll(golden, 1, axis=0), golden)
    # the heat in another colour: red and blue change places where they differ
    hot = np.abs(golden[..., 0] - golden[..., 2]) > 60
    assert not alike(np.where(hot[..., None], golden[..., ::-1], golden), golden)
    assert not alike(np.where(hot[..., None], golden.min(axis=2, keepdims=True), golden), golden)


def test_golden_pictures_are_few_and_small():
    assert len(NAMES) == 3
    assert all((HERE / "golden" / f"{name}.png").stat().st_size < 60e3 for name in NAMES)
