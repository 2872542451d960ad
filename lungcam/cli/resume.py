"""Arguments that continue a stopped run: `python train.py resume=RUN_FOLDER`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lungcam.cli.app import DONE, MULTIRUN, quote_paths
from lungcam.cli.plugins import plugin_names, without_plugins
from lungcam.config.instantiate import distrust_configuration
from lungcam.config.plugins import load_plugins
from lungcam.errors import InputError
from lungcam.runtime.distributed import rank
from lungcam.training.own_run import check_resumed_code

# settings of where and how fast a run computes; they change no result
MAY_CHANGE = ("cache", "loader.workers", "trainer.accelerator", "trainer.gpus", "plugins")


def resume_arguments(arguments: Sequence[str]) -> list[str]:
    """Replace `resume=RUN_FOLDER` by that run's own configuration and folder.

    Changes to the folder in which the run was started, if it still exists, so that relative paths
    keep their meaning. Ends the process if the run is finished.

    Args:
        arguments: Command-line arguments of `train.py`, as typed.

    Returns:
        Arguments that Hydra understands; unchanged where `resume=` is not among them.

    Raises:
        InputError: The folder holds no run, or another setting would change it.
    """
    given = [argument for argument in arguments if argument.lstrip("+").startswith("resume=")]
    typed = given[-1].partition("=")[2] if given else "null"
    if typed == "null":
        return list(arguments)
    if len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\"":
        typed = typed[1:-1]
    if not typed:
        raise InputError("resume=: no folder is given; add that of the run to continue.")
    folder = Path(typed).absolute()
    others = [argument for argument in arguments if argument not in given]
    _refuse_changes(others)
    _refuse_no_run(folder)
    if (folder / "metrics.json").is_file():
        if rank() == 0:
            print(f"{folder}: this run is finished (metrics.json is there); nothing to do.")
        sys.exit(DONE)
    _settle_code(folder, plugin_names(others))
    # a relative cache= is relative to the present folder
    others = [_absolute_cache(argument) for argument in without_plugins(others)]
    if (started := _started_in(folder)) is not None:
        os.chdir(started)
    folders = (f"hydra.run.dir={folder}", f"++resume={folder}")
    return [
        *("--config-path", str(folder / ".hydra"), "--config-name", "config"),
        *others,
        *quote_paths(folders, ("hydra.run.dir", "++resume")),
        # keep the record of the first start
        "hydra.output_subdir=null",
    ]


def _load(folder: Path, name: str) -> Any:
    """Read a file of the stored configuration as plain values.

    Raises:
        InputError: It is damaged.
    """
    try:
        return OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / name))
    # YAML and OmegaConf raise nearly anything for damaged bytes
    except Exception as error:
        raise InputError(
            f"{folder}: its .hydra/{name} is damaged; give the run's own command again."
        ) from error


def _started_in(folder: Path) -> Path | None:
    """Return the folder in which a run was started, None if there is no such folder any more."""
    node = _load(folder, "hydra.yaml")
    for key in ("hydra", "runtime", "cwd"):
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, str):
        raise InputError(f"{folder}: its .hydra/hydra.yaml names no folder; check resume=.")
    try:
        return Path(node) if Path(node).is_dir() else None
    except (OSError, ValueError):
        return None


def _settle_code(folder: Path, given: Sequence[str] | None) -> None:
    """Import what a run needs of the user's own code, if they have vouched for it.

    Raises:
        InputError: They have not, or the stored configuration would direct Hydra itself.
    """
    nodes = _load(folder, "config.yaml")
    if not isinstance(nodes, dict) or {"hydra", "defaults"} & set(nodes):
        raise InputError(
            f"{folder}: its .hydra/config.yaml was not written by a training; check resume=."
        )
    plugins = check_resumed_code(folder, nodes, given=given or ())
    if plugins is None:
        distrust_configuration()
    load_plugins(given or plugins or ())


def _refuse_changes(arguments: Sequence[str]) -> None:
    """Refuse arguments that would make it another run."""
    for argument in arguments:
        key = argument.partition("=")[0].lstrip("+~")
        if argument in MULTIRUN:
            raise InputError(
                "resume=: it continues one run; leave -m out and name a run of the sweep."
            )
        if not argument.startswith("-") and key not in MAY_CHANGE:
            raise InputError(
                f"{key}: a run continues with its own settings; resume= goes only with "
                f"{', '.join(MAY_CHANGE)}. For others start a new run."
            )


def _refuse_no_run(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such run folder; check resume=.")
    # Hydra writes the overrides last
    if not (folder / ".hydra" / "overrides.yaml").is_file():
        raise InputError(
            f"{folder}: no run has begun in it (.hydra/overrides.yaml is missing); check resume=, "
            "or give the run's own command again."
        )


def _absolute_cache(argument: str) -> str:
    key, _, value = argument.partition("=")
    return f"{key}={Path(value).absolute()}" if key == "cache" and value else argument
