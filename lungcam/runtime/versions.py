"""Which software made a result."""

import platform
from importlib.metadata import version

import lungcam

PACKAGES = ("torch", "pytorch-lightning", "torchio", "monai", "numpy", "vtk", "SimpleITK")


def versions() -> dict[str, str]:
    """Versions of lungcam, Python and the packages that results hang on."""
    return {
        "lungcam": lungcam.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
