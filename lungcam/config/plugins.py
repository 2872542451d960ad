"""Plug-ins: code of the user's own, imported on their word alone and recorded by its hash."""

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lungcam.errors import InputError

# group of the entry points by which an installed package registers
GROUP = "lungcam.plugins"
# packages that lungcam is made of: what a checkpoint may name of them is listed by name
OWN_PACKAGES = frozenset(
    {
        *("PIL", "SimpleITK", "cc3d", "highdicom", "hydra", "hydra_plugins", "isal", "lungcam"),
        *("matplotlib", "monai", "nibabel", "numpy", "omegaconf", "optuna", "pydicom"),
        *("pytorch_lightning", "safetensors", "scipy", "skimage", "tensorboard", "torch"),
        *("torchio", "torchmetrics", "tqdm", "vtk", "vtkmodules"),
    }
)
CODE_ENDINGS = (".py", ".so", ".pyd")


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A module or package of the user's own.

    Attributes:
        module: Name by which it is imported, such as `mynet` or `mypackage.nets`.
        origin: Its file, or the folder of its top-level package.
    """

    module: str
    origin: Path

    @property
    def package(self) -> str:
        """Name of the top-level module."""
        return self.module.partition(".")[0]

    @property
    def sha256(self) -> str:
        """Hash of the file, or of all code in the folder of the top-level package."""
        return _hash_code(self.origin)

    @property
    def configs(self) -> Path | None:
        """Folder `conf` of a package, for Hydra's search path; None where there is none."""
        folder = self.origin / "conf"
        return folder if folder.is_dir() else None


# plug-ins that this process has imported, by the name of the top-level module
_loaded: dict[str, Plugin] = {}


def find_plugin(name: str) -> Plugin:
    """Find a plug-in without importing it.

    The folder in which the user stands, or that of the file, becomes importable, after all others.

    Args:
        name: Path of a Python file or of a package's folder, or the name of a module.

    Raises:
        InputError: There is no such plug-in, or another module has its name.
    """
    path, is_path = Path(name), name.endswith(".py") or os.sep in name
    if is_path:
        if not (path.is_file() if name.endswith(".py") else (path / "__init__.py").is_file()):
            raise InputError(f"{name}: there is no such Python file or package; check plugins=.")
        module, folder = path.stem, path.absolute().parent
    else:
        module, folder = name, Path.cwd()
    _refuse_name(name, module=module)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    package = module.partition(".")[0]
    origin = origin_of(package)
    if origin is None:
        raise InputError(f"plugins={name}: there is no such module here; check the name.")
    if is_path and os.path.realpath(origin) != os.path.realpath(path):
        raise InputError(f"{name}: {origin} has the same name and comes first; rename yours.")
    return Plugin(module=module, origin=origin)


def load_plugins(names: Sequence[str]) -> list[Plugin]:
    """Import plug-ins.

    Args:
        names: As for `find_plugin`.

    Raises:
        InputError: There is no such plug-in, or it cannot be imported.
    """
    return [load_plugin(find_plugin(name)) for name in names]


def load_plugin(plugin: Plugin) -> Plugin:
    """Import a plug-in that has been found.

    Raises:
        InputError: It cannot be imported.
    """
    try:
        importlib.import_module(plugin.module)
    except Exception as error:
        raise InputError(
            f"{plugin.origin}: {plugin.module} cannot be imported: {type(error).__name__}: {error}"
            f"{error_place(error, within=plugin.origin)}."
        ) from error
    _loaded[plugin.package] = plugin
    return plugin


def load_installed() -> None:
    """Import the installed packages that register in the entry-point group `lungcam.plugins`.

    Raises:
        InputError: One of them cannot be imported.
    """
    for entry in entry_points(group=GROUP):
        load_plugin(find_plugin(entry.module))


def loaded_plugins() -> Sequence[Plugin]:
    """Return the plug-ins that this process has imported."""
    return tuple(_loaded.values())


def code_record(target: str) -> dict[str, str | None]:
    """Return hash and version of the code that defines a target.

    Args:
        target: Dotted name of a class or function; its top-level module is hashed as a `Plugin` is.
    """
    package = target.partition(".")[0]
    return {"sha256": code_hash(package), "version": _version(package)}


@cache
def code_hash(package: str) -> str:
    """Return the hash of a top-level module's code; without a file, that of nothing."""
    origin = origin_of(package)
    return hashlib.sha256().hexdigest() if origin is None else _hash_code(origin)


def targets_of(config: Any) -> Iterator[str]:
    """Yield every `_target_` in a plain configuration, at any depth."""
    if isinstance(config, Mapping):
        if isinstance(config.get("_target_"), str):
            yield config["_target_"]
        config = list(config.values())
    if isinstance(config, list | tuple):
        for value in config:
            yield from targets_of(value)


def error_place(error: BaseException, *, within: Path) -> str:
    """Return ` (FILE, line N)` of the deepest line of some code that an error has passed.

    Args:
        error: The error, raised.
        within: File or folder of the code.
    """
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file == within or within in file.parents:
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _refuse_name(name: str, *, module: str) -> None:
    package = module.partition(".")[0]
    if not all(part.isidentifier() for part in module.split(".")):
        raise InputError(
            f"plugins={name}: {module} is no name of a Python module; rename it with letters, "
            "digits and _ alone."
        )
    if package in sys.stdlib_module_names or package in OWN_PACKAGES:
        raise InputError(
            f"plugins={name}: {package} is part of Python or of lungcam; name code of your own."
        )


def origin_of(package: str) -> Path | None:
    """Return the file of a top-level module, or a package's folder, without importing it."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.has_location and spec.origin else None


def _hash_code(origin: Path) -> str:
    digest = hashlib.sha256()
    files = [origin] if origin.is_file() else sorted(origin.rglob("*"))
    for file in files:
        if file.suffix in CODE_ENDINGS and file.is_file():
            digest.update(f"{file.relative_to(origin.parent).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError, ValueError):
        return version(package)
    number = getattr(sys.modules.get(package), "__version__", None)
    return None if number is None else str(number)
