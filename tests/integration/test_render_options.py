"""Render options from the command line."""

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
def test_unknown_render_option_is_refused_before_any_work(tmp_path, script, arguments):
    result = command(script, *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "render.view=frontal: choose anterior" in result.stderr
    assert not list(tmp_path.rglob("checkpoints"))


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries have these names on Linux only")
def test_without_opengl_and_screen_all_other_files_are_written(workplace, trained, tmp_path):
    for name in LIBRARIES:
        (tmp_path / name).touch()  # keeps installed libraries from being loaded
    scan = sorted(workplace.glob("outputs/cache/phantoms/*/*0000.nii.gz"))[0]
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    result = subprocess.run(
        [
            *(sys.executable, ROOT / "infer.py", "ckpt=run", f"scan={scan}", "out=blind"),
            *("turntable=true", "render.interactive=true"),
        ],
        cwd=workplace,
        capture_output=True,
        text=True,
        env=environment | {"LD_LIBRARY_PATH": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("install libegl1 or libosmesa6") == 1
    assert result.stdout.count("There is no screen") == 1
    folder = workplace / "blind" / scan.name.removesuffix(".nii.gz")
    names = {path.name for path in folder.iterdir()}
    files = {"prediction.json", "heatmap.nii.gz", "mask.nii.gz", "lungs.nii.gz"}
    assert names == files | {".lungcam-written"}
    warnings = json.loads((folder / "prediction.json").read_text())["warnings"]
    assert any("libosmesa6" in warning for warning in warnings)
