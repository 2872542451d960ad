"""Render options on the command line."""

import json
import os
import subprocess
import sys

import pytest

from .conftest import ROOT, TINY, command

LIBRARIES = ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8")


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("train.py", ["model=small3d", *TINY, "hydra.run.dir=refused", "render.view=frontal"]),
        ("infer.py", ["ckpt=nowhere", "scan=nowhere", "out=refused", "render.view=frontal"]),
    ],
)
def test_a_wrong_render_option_is_refused_before_any_work(tmp_path, script, arguments):
    done = command(script, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "render.view=frontal: choose anterior" in done.stderr
    assert not list(tmp_path.rglob("checkpoints"))


@pytest.mark.skipif(sys.platform != "linux", reason="the names of the libraries are Linux's")
def test_without_opengl_and_screen_all_other_files_are_written(workplace, trained, tmp_path):
    for name in LIBRARIES:
        (tmp_path / name).touch()  # neither can be loaded then, though both may be installed
    scan = sorted(workplace.glob("outputs/cache/phantoms/*/*0000.nii.gz"))[0]
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "infer.py", "ckpt=run", f"scan={scan}", "out=blind"),
            *("turntable=true", "render.interactive=true"),
        ],
        cwd=workplace,
        capture_output=True,
        text=True,
        env=environment | {"LD_LIBRARY_PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("install libegl1 or libosmesa6") == 1
    assert done.stdout.count("There is no screen") == 1
    folder = workplace / "blind" / scan.name.removesuffix(".nii.gz")
    written = {path.name for path in folder.iterdir()}
    assert written == {"prediction.json", "heatmap.nii.gz", "mask.nii.gz", "lungs.nii.gz"}
    warnings = json.loads((folder / "prediction.json").read_text())["warnings"]
    assert any("libosmesa6" in warning for warning in warnings)
