"""Go on with a run that was stopped: `python train.py resume=RUN_FOLDER`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from lungcam.cli.app import DONE, quote_paths
from lungcam.errors import InputError
from lungcam.runtime.distributed import rank

# where and how fast a run computes, and never what
MAY_CHANGE = ("cache", "loader.workers", "trainer.gpus")


def resume_arguments(arguments: Sequence[str]) -> list[str]:
    """Replace `resume=RUN_FOLDER` by that run's own configuration and folder.

    Goes to the folder in which the run was started, where that still exists, so that relative paths
    mean what they meant. Ends the process where the run is finished.

    Args:
        arguments: Command-line arguments of `train.py`, as typed.

    Returns:
        Arguments that Hydra understands; the same where `resume=` is not among them.

    Raises:
        InputError: The folder holds no run, or another setting would change it.
    """
    given = [one for one in arguments if one.lstrip("+").startswith("resume=")]
    typed = given[-1].partition("=")[2] if given else "null"
    if typed == "null":
        return list(arguments)
    if len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\"":
        typed = typed[1:-1]
    if not typed:
        raise InputError("resume=: no folder is given; add that of the run to go on with.")
    folder = Path(typed).absolute()
    rest = [one for one in arguments if one not in given]
    _refuse_changes(rest)
    _refuse_no_run(folder)
    if (folder / "metrics.json").is_file():
        if rank() == 0:
            print(f"{folder}: this run is finished (metrics.json is there); nothing to do.")
        sys.exit(DONE)
    # a relative cache= is meant from here
    rest = [_absolute(one) for one in rest]
    started = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.cwd
    if Path(started).is_dir():
        os.chdir(started)
    places = (f"hydra.run.dir={folder}", f"++resume={folder}")
    return [
        *("--config-path", str(folder / ".hydra"), "--config-name", "config"),
        *rest,
        *quote_paths(places, ("hydra.run.dir", "++resume")),
        # its record of how it was begun stays
        "hydra.output_subdir=null",
    ]


def _refuse_changes(rest: Sequence[str]) -> None:
    """Refuse whatever stands beside `resume=` and would make it another run."""
    for one in rest:
        key = one.partition("=")[0].lstrip("+~")
        if one in ("-m", "--multirun"):
            raise InputError(
                "resume=: it goes on with one run; leave -m out and name a run of the sweep."
            )
        if not one.startswith("-") and key not in MAY_CHANGE:
            raise InputError(
                f"{key}: a run goes on with its own settings; beside resume= stand only "
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


def _absolute(argument: str) -> str:
    key, _, value = argument.partition("=")
    return f"{key}={Path(value).absolute()}" if key == "cache" and value else argument
