"""What differs between a checkout and an installed wheel: where the configs lie, what trains."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
# the wheel carries the checkout's conf/ inside the package
_IN_WHEEL = _PACKAGE / "conf"
CONFIGS = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "conf"
TRAIN = "lungcam-train" if _IN_WHEEL.is_dir() else "python train.py"
