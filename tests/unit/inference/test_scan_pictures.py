"""Pictures of one scan's heat-map as files."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lungcam.inference.scan_pictures import write_pictures
from lungcam.render import Outline, PictureInputs, RenderOptions

OPTIONS = RenderOptions(size=160)
SPACING_MM = (5.0, 5.0, 6.0)


def chest():
    """Return hu, lungs and heat of a box of lung with a ball in it, and heat of both signs."""
    lungs = np.zeros((40, 36, 32), bool)
    lungs[4:36, 4:32, 4:28] = True
    hu = np.where(lungs, -850, 40).astype(np.int16)
    x, y, z = np.indices(lungs.shape)
    squares = 25 * ((x - 26) ** 2 + (y - 18) ** 2) + 36 * (z - 18) ** 2
    hu[squares < 20**2] = 60
    heat = 0.4 * np.exp(-squares / (2 * 15**2)) - 0.1 * (x < 10)
    return hu, lungs, heat.astype(np.float32)


def write(folder, options=OPTIONS, *, mark=None, outlines=(), **wanted):
    hu, lungs, heat = chest()
    inputs = PictureInputs(
        hu=hu, lungs=lungs, heat=heat, spacing_mm=SPACING_MM, mark=mark, outlines=outlines
    )
    return write_pictures(folder, inputs, options=options, **wanted)


def read(folder):
    with Image.open(folder / "render.png") as picture:
        return np.asarray(picture).astype(int)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_only_the_requested_picture_is_written(opengl, tmp_path):
    assert write(tmp_path) == []
    assert names(tmp_path) == ["render.png"]
    assert read(tmp_path).shape == (160, 160, 3)


def test_otsu_adds_its_histogram(opengl, tmp_path):
    write(tmp_path, replace(OPTIONS, preset="otsu"))
    assert names(tmp_path) == ["lungs_histogram.png", "render.png"]


def test_a_turntable_is_written_without_a_picture(opengl, tmp_path):
    assert write(tmp_path, picture=False, turning=True) == []
    assert names(tmp_path) == ["turntable.gif"]
    with Image.open(tmp_path / "turntable.gif") as gif:
        assert (gif.size, gif.n_frames) == ((512, 512), 36)


def test_outlines_and_marks_are_drawn(opengl, tmp_path):
    pictures = []
    for extra in ({}, {"outlines": [Outline((130.0, 90.0, 108.0), 20.0)]}, {"mark": "Careful"}):
        write(tmp_path, **extra)
        pictures.append(read(tmp_path))
    assert all((np.abs(picture - pictures[0]) > 60).any() for picture in pictures[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="the names of the libraries are Linux's")
def test_without_opengl_all_other_files_are_written(tmp_path):
    libraries, folder = tmp_path / "empty", tmp_path / "out"
    libraries.mkdir()
    folder.mkdir()
    for name in ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (libraries / name).touch()
    code = (
        "import importlib.util, sys; from dataclasses import replace; from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('here', {__file__!r})\n"
        "here = importlib.util.module_from_spec(spec); spec.loader.exec_module(here)\n"
        "options = replace(here.OPTIONS, preset='otsu')\n"
        f"print(here.write(Path({str(folder)!r}), options, turning=True))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"LD_LIBRARY_PATH": str(libraries)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("install libegl1 or libosmesa6") == 1
    assert ran.stderr == ""
    assert names(folder) == ["lungs_histogram.png"]
