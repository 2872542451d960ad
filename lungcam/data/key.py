"""Keys of prepared inputs: what an input is made from, and by what."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
import torchio as tio

import lungcam

# the code that decides what a prepared input looks like, and how it is kept
CODE = (
    "grid.py",
    "verdict.py",
    "scans",
    "lungs",
    "transforms",
    "data/entry.py",
    "data/lesion.py",
    "data/preparation.py",
    "data/pixels.py",
)
# whose release may change a voxel
LIBRARIES = (
    "connected-components-3d",
    "nibabel",
    "numpy",
    "pydicom",
    "scipy",
    "SimpleITK",
    "torch",
    "torchio",
)


@cache
def code_version() -> str:
    """Hash of the preparing code and its libraries' versions: nothing older is ever served."""
    digest = hashlib.sha256()
    package = Path(lungcam.__file__).parent
    for name in CODE:
        files = [package / name] if name.endswith(".py") else sorted((package / name).glob("*.py"))
        for file in files:
            digest.update(f"{file.relative_to(package).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\n".encode())
    return digest.hexdigest()[:32]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # built by hand: the module alone tells
        return str(getattr(sys.modules.get(name.lower()), "__version__", "unknown"))


def describe(transform: tio.Transform) -> str:
    """All that a transform was made with, those inside it too.

    TorchIO's own repr leaves out what its base class takes (`include`, `p`), and all settings where
    a transform names no `args_names`.
    """
    settings = ", ".join(
        f"{name}={_described(value)}" for name, value in sorted(vars(transform).items())
    )
    kind = type(transform)
    return f"{kind.__module__}.{kind.__qualname__}({settings})"


def _described(value: object) -> str:
    if isinstance(value, tio.Transform):
        return describe(value)
    if isinstance(value, np.ndarray | torch.Tensor):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        # the order counts: it is that of the steps
        return f"{{{', '.join(f'{k!r}: {_described(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_described, value))}]"
    return repr(value)


def cache_key(
    content: str,
    series: str | None,
    center_mm: Sequence[float] | None,
    transforms: str,
    lesion: str | None = None,
) -> str:
    """Key of a prepared input: what it is made from, and by what.

    Args:
        content: The scan's `content_hash`.
        series: SeriesInstanceUID, where a folder may hold several.
        center_mm: Where the nodule lies.
        transforms: From `describe`.
        lesion: Content hash of the lesion's mask, where it is stored too.
    """
    place = "" if center_mm is None else repr([float(x) for x in center_mm])
    parts = [content, series or "", place, transforms, code_version(), lesion or ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
