"""Commands of `lungcam`, or `python -m lungcam`: help, parsing, and the module that runs each."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from lungcam import __version__
from lungcam.cli.app import DONE, exit_codes
from lungcam.cli.command_help import SUMMARIES, command_help, overview
from lungcam.config.suggestions import did_you_mean, no_such
from lungcam.errors import InputError
from lungcam.runtime.versions import TRAIN_COMMAND

# commands of Hydra, with a module of their own
HYDRAS = ("train", "infer")
HELP_FLAGS = ("-h", "--help")
# the settings of each command; its module has a function run(paths, settings)
SETTINGS = {
    "check": ("view", "mask", "series", "time", "tilt", "out"),
    "cache": ("cache", "stale"),
    "compare": ("split", "out"),
    "completion": (),
    "export": ("ckpt", "out", "scan", "series", "plugins"),
    "luna25": ("input", "output", "ckpt", "tta", "plugins"),
    "phantom": ("layout", "n", "seed", "difficulty", "matrix", "pattern"),
}


def run_command() -> None:
    """Run the command line of `lungcam` and end the process with lungcam's exit codes."""
    command, *rest = sys.argv[1:] or [""]
    if command in HYDRAS:
        # the name by which messages call it
        sys.argv[:] = [f"lungcam {command}", *rest]
        import_module(f"lungcam.cli.{command}").main()
        return
    with exit_codes(TRAIN_COMMAND):
        sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a small command and return its exit code.

    Args:
        arguments: The command, its paths and its settings.

    Raises:
        InputError: There is no such command, setting or option.
    """
    if not arguments or arguments[0] in (*HELP_FLAGS, "help"):
        print(overview())
        return DONE
    command, *rest = arguments
    if command in ("--version", "-V"):
        print(f"lungcam {__version__}")
        return DONE
    if command not in SETTINGS:
        raise InputError(
            f"{command}: there is no such command; the commands are: {', '.join(SUMMARIES)}."
            f"{did_you_mean(command, SUMMARIES)}"
        )
    if set(HELP_FLAGS) & set(rest):
        print(command_help(command))
        return DONE
    # the modules load slowly
    if command == "check" and any(argument.startswith("data=") for argument in rest):
        return import_module("lungcam.cli.check_cohort").run(rest)
    if command == "completion":
        return import_module("lungcam.cli.completion").run(rest)
    paths, settings = _parse(rest, SETTINGS[command])
    return import_module(f"lungcam.cli.{command}").run(paths, settings)


def _parse(arguments: Sequence[str], names: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """Separate paths from settings."""
    paths, settings = [], {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name in names:
            settings[name] = value
        elif equals and name.isidentifier() and not Path(argument).exists():
            raise InputError(f"{name}: {no_such('setting', name, names)}")
        elif argument.startswith("-"):
            raise InputError(f"{argument}: there is no such option; settings are KEY=VALUE.")
        else:
            paths.append(Path(argument))
    return paths, settings
