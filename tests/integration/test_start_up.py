"""Commands load what they use and nothing else, and refuse bad input before they load torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

# runs a script or a module, and writes the names of the modules that are loaded in the end
RECORDED = """
import atexit, runpy, sys
from pathlib import Path

root, file, *sys.argv = sys.argv[1:]
sys.path.insert(0, root)
atexit.register(lambda: Path(file).write_text("\\n".join(sys.modules)))
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__")
"""
# what a refusal and the help do without
SLOW = (
    *("torch", "torchio", "numpy", "scipy", "pytorch_lightning", "monai", "matplotlib"),
    *("vtkmodules", "SimpleITK", "pydicom", "nibabel", "torchmetrics"),
)
# what prediction does without
TRAINING = (
    *("pytorch_lightning", "lightning_fabric", "torchmetrics", "tensorboard", "torch._dynamo"),
    *("pandas", "matplotlib", "monai", "skimage", "sklearn"),
)
WAYS = ("train.py", "infer.py", "lungcam")


def modules(folder: Path, *arguments: object, code: int = 0) -> set[str]:
    """Run a command in a new process, and return the modules that it loads."""
    file = folder / "modules.txt"
    done = subprocess.run(
        [sys.executable, "-c", RECORDED, str(ROOT), str(file), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.startswith("lungcam: ")
        assert done.stderr.count("\n") == 1, done.stderr
    return set(file.read_text().split("\n"))


def among(loaded: set[str], packages: tuple[str, ...]) -> list[str]:
    return [name for name in packages if name in loaded]


@pytest.mark.parametrize(
    "arguments",
    [
        (ROOT / "train.py", "--help"),
        (ROOT / "infer.py", "--help"),
        ("lungcam", "--help"),
        ("lungcam", "check", "--help"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_help_is_light(tmp_path, arguments):
    loaded = modules(tmp_path, *arguments)
    assert among(loaded, SLOW) == []
    assert len(loaded) < 500
