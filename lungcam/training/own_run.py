"""Record of a run folder's own code and servers, sealed with a key that only this account has.

A run folder may come from anyone, and continuing a run imports the code that its configuration
names, and sends figures to the servers that its loggers name. The record says which code that was.
Its seal is a keyed hash (HMAC, RFC 2104) over the record and the stored configuration; the key lies
in the user's state folder, so nobody else can make the seal, and a changed folder does not fit it.
"""

import hashlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lungcam.config.instantiate import foreign_targets
from lungcam.config.plugins import code_record, find_plugin
from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text

# in the folder in which Hydra stores a run's configuration
RECORD = Path(".hydra", "plugins.json")
CONFIGS = (Path(".hydra", "config.yaml"), Path(".hydra", "hydra.yaml"))
KEY_BYTES = 32
# beginnings of addresses on this machine
LOCAL = ("sqlite:///", "file:///")
# classes of Lightning that always log to a server
SERVERS = ("CometLogger", "NeptuneLogger")


def code_records(nodes: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    """Return hash and version of the user's own code in a configuration, by its targets."""
    return {target: code_record(target) for target in foreign_targets(nodes)}


def seal_code(folder: Path, nodes: Mapping[str, Any]) -> None:
    """Write the sealed record of a new run, if it has code of the user's own, or logs to a server.

    Args:
        folder: Run folder with Hydra's record of the configuration.
        nodes: Plain configuration, which the user has composed.
    """
    targets = code_records(nodes)
    plugins = {}
    for name in nodes["plugins"]:
        plugin = find_plugin(name)
        # as it was typed, a path would depend on the folder in which the user stands
        typed = str(Path(name).absolute()) if Path(name).exists() else name
        plugins[typed] = plugin.sha256
    if targets or plugins or server_setting(nodes):
        record = {"plugins": plugins, "targets": targets, "folder": str(Path.cwd())}
        sealed = record | {"seal": _seal(folder, record)}
        write_text(folder / RECORD, json.dumps(sealed, indent=2) + "\n")


def server_setting(nodes: Mapping[str, Any]) -> str | None:
    """Return the first key of a plain configuration by which a run contacts a server."""
    for name, node in nodes.get("logger", {}).items():
        kind = str(node.get("_target_")).rpartition(".")[2] if isinstance(node, dict) else ""
        if kind in SERVERS or (kind == "WandbLogger" and node.get("offline") is not True):
            return f"logger.{name}"
    return next(_addresses(nodes), None)


def _addresses(node: Any, name: str = "") -> Iterator[str]:
    """Yield the keys of addresses of other machines, such as `http://` and `s3://`."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _addresses(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _addresses(value, name)
    elif isinstance(node, str) and "://" in node and not node.startswith(LOCAL):
        yield name


def check_resumed_code(
    folder: Path, nodes: Mapping[str, Any], *, given: Sequence[str]
) -> list[str] | None:
    """Refuse to continue a run with code that the user has not vouched for. Imports nothing.

    Args:
        folder: Run folder.
        nodes: Its stored plain configuration.
        given: Plug-ins that the user gives now.

    Returns:
        Plug-ins to import, if the configuration is proven to be the user's own; None if it is not,
        and only the plug-ins that are given may be imported.

    Raises:
        InputError: Code is missing, or is not the code that the run was begun with.
    """
    targets = foreign_targets(nodes)
    plugins = nodes.get("plugins") or []
    record = _read_record(folder)
    if record is not None and _is_unchanged(record):
        return [*record["plugins"]]
    if not given and (targets or plugins):
        names = ", ".join([*targets, *(plugins if isinstance(plugins, list) else ())])
        raise InputError(
            f"{folder}: the run uses code of a user ({names}), and it was not begun here or the "
            "code has changed since; if you trust it, add plugins=[FILE OR MODULE, ...] that "
            "hold it."
        )
    packages = {plugin.package: plugin for plugin in map(find_plugin, given)}
    recorded = _stored(folder).get("targets")
    for target in targets:
        plugin = packages.get(target.partition(".")[0])
        if plugin is None:
            raise InputError(f"{folder}: no plug-in of plugins= holds {target}; add the one.")
        known = recorded.get(target) if isinstance(recorded, dict) else None
        if isinstance(known, dict) and known.get("sha256") != plugin.sha256:
            raise InputError(
                f"{folder}: {plugin.origin} is not the code that the run was begun with; give "
                "plugins= that code, or start a new run."
            )
    return None


def _is_unchanged(record: Mapping[str, Any]) -> bool:
    """Return True if all code of a sealed record is what it was."""
    # a module may lie in the folder in which the user stood
    sys.path.append(record["folder"])
    with suppress(InputError):
        names = {target.partition(".")[0]: code for target, code in record["targets"].items()}
        plugins = [find_plugin(name).sha256 == sha for name, sha in record["plugins"].items()]
        modules = [code_record(name)["sha256"] == code["sha256"] for name, code in names.items()]
        return all(plugins) and all(modules)
    return False


def _read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a run folder if its seal fits; None otherwise."""
    sealed = _stored(folder)
    seal = sealed.pop("seal", None)
    expected = _seal(folder, sealed, make_key=False)
    if not isinstance(seal, str) or expected is None or not hmac.compare_digest(seal, expected):
        return None
    return sealed


def _stored(folder: Path) -> dict[str, Any]:
    """Return the record of a run folder as it stands there, which anyone can have written."""
    with suppress(OSError, ValueError, RecursionError):
        stored = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return stored if isinstance(stored, dict) else {}
    return {}


def _seal(folder: Path, record: Mapping[str, Any], *, make_key: bool = True) -> str | None:
    """Return the keyed hash of a record and the configuration next to it; None without a key."""
    key = _key(make=make_key)
    if key is None:
        return None
    seal = hmac.new(key, json.dumps(record, sort_keys=True).encode(), hashlib.sha256)
    for name in CONFIGS:
        content = (folder / name).read_bytes() if (folder / name).is_file() else b""
        seal.update(hashlib.sha256(content).digest())
    return seal.hexdigest()


def _key(*, make: bool) -> bytes | None:
    """Return the user's key, which is made once; None if it can be neither read nor written."""
    file = _state_folder() / "key"
    with suppress(OSError):
        if make and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "wb") as stream:
                    stream.write(secrets.token_bytes(KEY_BYTES))
        key = file.read_bytes()
        return key if len(key) == KEY_BYTES else None
    return None


def _state_folder() -> Path:
    """Return the user's folder for state (XDG Base Directory Specification)."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        if os.environ.get(name):
            return Path(os.environ[name]) / "lungcam"
    return Path.home() / ".local" / "state" / "lungcam"
