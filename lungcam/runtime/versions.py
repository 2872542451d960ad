"""Versions of the software, and the locations that differ between a checkout and a wheel."""

import platform
from importlib.metadata import version
from pathlib import Path

import lungcam

_PACKAGE = Path(lungcam.__file__).parent
# the wheel carries the checkout's conf/ inside the package
_IN_WHEEL = _PACKAGE / "conf"
CONFIG_FOLDER = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "conf"
TRAIN_COMMAND = "lungcam train" if _IN_WHEEL.is_dir() else "python train.py"
PACKAGES = ("torch", "pytorch-lightning", "torchio", "monai", "numpy", "vtk", "SimpleITK")


def versions() -> dict[str, str]:
    """Return the versions of lungcam, Python and the packages that affect results."""
    return {
        "lungcam": lungcam.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
