"""lungcam: lung cancer in chest CT, explained by Grad-CAM heat-maps. Research use only."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

RESEARCH_USE_ONLY = "Research use only: not a medical device, not for diagnosis."

# for notebooks; loaded when they are first used, and typed in __init__.pyi
_API = ("CTScan", "Candidate", "Prediction", "Run", "TrainedNet", "load", "read_scan")
_MODULES = dict.fromkeys(_API, "lungcam.api") | {"train": "lungcam.cli.from_python"}


def __getattr__(name: str) -> Any:
    """Load a name for notebooks."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'lungcam' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the names of the package, those for notebooks too."""
    return sorted({*globals(), *_MODULES})
