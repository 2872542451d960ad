"""What the entry scripts share: paths as the user types them, and the exit codes."""

import os
import sys
from collections.abc import Callable, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from lungcam.errors import InputError

DONE, DEFECT, BAD_INPUT = 0, 1, 2


def quote_paths(arguments: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Quote the values of some keys, since Hydra's grammar knows neither blanks nor commas in them.

    Args:
        arguments: Command-line arguments, `key=value`.
        keys: Keys whose values are paths.

    Returns:
        The arguments with these values quoted.
    """
    quoted = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and key in keys and value[:1] not in ("'", '"'):
            value = value.replace("'", "\\'")
            argument = f"{key}='{value}'"
        quoted.append(argument)
    return quoted


def run(main: Callable[[], None], paths: Sequence[str] = ()) -> None:
    """Run a Hydra application and end the process with lungcam's exit codes.

    0: done. 2: the user's input is at fault, with one line that names it. 1: a defect of lungcam,
    with a traceback.

    Args:
        main: Function decorated with `hydra.main`.
        paths: Keys whose values are paths.
    """
    sys.argv[1:] = quote_paths(sys.argv[1:], paths)
    # Hydra then raises where it would print several lines and exit with 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except InputError as error:
        _refuse(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        _refuse(
            f"{_first_line(error)} `{sys.argv[0]} --help` lists the groups, `--cfg job` the keys."
        )
    except KeyboardInterrupt:
        sys.exit(130)


def _first_line(error: BaseException) -> str:
    """What a configuration error says, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = error.__cause__
    if cause is not None and str(cause).strip():
        first = str(cause).strip().splitlines()[0]
        if first not in lines[0]:
            lines[0] = f"{lines[0]} {first}"
    return lines[0].rstrip(".") + "."


def _refuse(message: str) -> None:
    """Say in one line what is at fault and end with exit code 2."""
    print(f"lungcam: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(BAD_INPUT)
