"""Commands of `python -m lungcam`: help, parsing, and the choice of the module that runs one."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.errors import InputError

HELP = """\
python -m lungcam check PATH... [view=lungs|nodule] [mask=NAME] [series=UID] [out=DIR]

  Reads every scan under the paths and prints one line for each: ok, LOOK (usable, but a person
  should look) or REFUSED, with every finding, its place and the remedy.

  view=lungs    expects a whole chest and checks the lung mask (default)
  view=nodule   accepts crops around a nodule
  mask=cavity   lung mask to check: recipe, closed or cavity
  series=UID    series to read where a folder holds several
  out=DIR       writes check.json, and masks.png with a thumbnail of every mask

python -m lungcam check data=NAME [KEY=VALUE]... [out=DIR]

  Describes the cohort of a training with the same settings (data=lidc data.root=PATH view=nodule):
  samples, labels, patients, samples that are left out and why, scans of two patients, and an
  estimate of disk space and time. Nothing is prepared.

  out=DIR       writes samples.csv, the table of the cohort, which data=table reads

python -m lungcam phantom OUT layout=luna16|lidc|nlst|nlst_risk [n=N] [seed=N] [difficulty=X]
                              [matrix=N] [pattern=X]

  Writes synthetic phantoms into the folder OUT with the scans, tables and annotations of the data
  set, and prints the command that trains on them. After an interruption it continues.

  n=40            phantoms: half malignant, a quarter benign, a quarter healthy
  seed=0          another seed gives another cohort
  difficulty=0.3  from 0 (easy) to 1 (hard)
  matrix=192      rows and columns of a slice
  pattern=0.8     nlst_risk, with years of follow-up: share of the people with cancer in whom a
                  faint pattern precedes it; 0 for none

python -m lungcam cache info|clear [cache=DIR] [stale=true]

  info describes the cache of prepared inputs: number, size and age, which of them this version can
  use, and which are damaged. clear removes them, and no file of others; train.py prepares again
  what it needs.

  cache=outputs/cache  as for train.py
  stale=true           clears only damaged files, leftovers and inputs of other versions

python -m lungcam compare RUN_A RUN_B [split=test] [out=DIR]

  Compares two training runs, or two cross-validations, on the samples that both predicted: each
  AUC, and the difference with its 95 % interval and p by a paired bootstrap over patients.

  split=test    or val
  out=DIR       writes compare.json

Exit codes: 0 done, 2 the input is at fault or a scan is not usable. Research use only.
"""
# the settings of each command; its module has a function run(paths, settings)
SETTINGS = {
    "check": ("view", "mask", "series", "out"),
    "cache": ("cache", "stale"),
    "compare": ("split", "out"),
    "phantom": ("layout", "n", "seed", "difficulty", "matrix", "pattern"),
}


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: The command, its paths and its settings.

    Raises:
        InputError: There is no such command, setting or option.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP)
        return DONE
    command, *rest = arguments
    if command not in SETTINGS:
        raise InputError(
            f"{command}: there is no such command; the commands are: {', '.join(SETTINGS)}."
        )
    if "--help" in rest:
        print(HELP)
        return DONE
    # the modules load slowly
    if command == "check" and any(argument.startswith("data=") for argument in rest):
        return import_module("lungcam.cli.check_cohort").run(rest)
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
            raise InputError(f"{name}: there is no such setting; it takes {', '.join(names)}.")
        elif argument.startswith("-"):
            raise InputError(f"{argument}: there is no such option; settings are KEY=VALUE.")
        else:
            paths.append(Path(argument))
    return paths, settings
