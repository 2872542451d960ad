"""Small commands: python -m lungcam check PATH... [KEY=VALUE]. Research use only."""

import sys
from collections.abc import Sequence
from pathlib import Path

from lungcam.command import BAD_INPUT, DONE, refuse
from lungcam.errors import InputError

HELP = """\
python -m lungcam check PATH... [view=lungs|nodule] [mask=NAME] [series=UID] [out=DIR]

  Reads every scan under the paths and prints a verdict for each, one line: ok, LOOK (usable, but a
  person should look) or REFUSED, with what was found, where, and the remedy.

  view=lungs    asks for a whole chest and judges the lung mask (default)
  view=nodule   takes crops around a nodule
  mask=cavity   the mask to judge: recipe, closed or cavity
  series=UID    the series to take where a folder holds several
  out=DIR       writes check.json, and masks.png with every mask's thumbnail

Exit codes: 0 every scan is usable, 2 one is not. Research use only.
"""
KEYS = ("view", "mask", "series", "out")


def main(arguments: Sequence[str]) -> int:
    """Run a command and give its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP)
        return DONE
    command, *rest = arguments
    if command != "check":
        raise InputError(f"{command}: there is no such command; the commands are: check.")
    if "--help" in rest:
        print(HELP)
        return DONE
    paths, settings = [], {}
    for argument in rest:
        key, equals, value = argument.partition("=")
        if equals and key in KEYS:
            settings[key] = Path(value) if key == "out" else value
        elif equals and key.isidentifier() and not Path(argument).exists():
            raise InputError(f"{key}: there is no such setting; it takes {', '.join(KEYS)}.")
        elif argument.startswith("-"):
            raise InputError(f"{argument}: there is no such option; settings are KEY=VALUE.")
        else:
            paths.append(Path(argument))
    if not paths:
        raise InputError("check: name the scans to check: python -m lungcam check PATH...")
    from lungcam.runs.check import check

    return DONE if check(paths, **settings) else BAD_INPUT


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
