"""Small commands: python -m lungcam check|compare|phantom|cache ... [KEY=VALUE]."""

import sys
from collections.abc import Sequence
from pathlib import Path

from lungcam.cli.app import BAD_INPUT, DONE, exit_codes, quote_paths
from lungcam.config.schema import PATH_KEYS
from lungcam.errors import InputError
from lungcam.runtime.versions import TRAIN_COMMAND

HELP = """\
python -m lungcam check PATH... [view=lungs|nodule] [mask=NAME] [series=UID] [out=DIR]

  Reads every scan under the paths and prints a verdict for each, one line: ok, LOOK (usable, but a
  person should look) or REFUSED, with what was found, where, and the remedy.

  view=lungs    asks for a whole chest and judges the lung mask (default)
  view=nodule   takes crops around a nodule
  mask=cavity   the mask to judge: recipe, closed or cavity
  series=UID    the series to take where a folder holds several
  out=DIR       writes check.json, and masks.png with every mask's thumbnail

python -m lungcam check data=NAME [KEY=VALUE]... [out=DIR]

  Says what a training with the same settings (data=lidc data.root=PATH view=nodule) would use:
  samples, labels, patients, what is left out and why, scans under two patients, and an estimate of
  disk and time before anything is kept.

  out=DIR       writes samples.csv, the cohort's table, which data=table reads

python -m lungcam phantom OUT layout=luna16|lidc|nlst|nlst_risk [n=N] [seed=N] [difficulty=X]
                              [matrix=N] [pattern=X]

  Writes synthetic phantoms into the folder OUT as the data set has its scans, tables and
  annotations, and prints the command that trains on them. After a stop it goes on where it was.

  n=40            phantoms: half malignant, a quarter benign, a quarter healthy
  seed=0          another seed is another cohort
  difficulty=0.3  from 0 (easy) to 1 (hard)
  matrix=192      rows and columns of a slice
  pattern=0.8     nlst_risk, where people are followed for years: the share of those who get cancer
                  in whom a faint pattern precedes it; 0 for none

python -m lungcam cache info|clear [cache=DIR] [stale=true]

  info says what the cache of prepared inputs holds: how many, how large, how old, which of them
  this version can use, and which are damaged. clear removes them, and nothing that lungcam did not
  write; train.py prepares anew what it needs.

  cache=outputs/cache  as for train.py
  stale=true           clears only what is damaged, left over or of other versions

python -m lungcam compare RUN_A RUN_B [split=test] [out=DIR]

  Compares two training runs, or two cross-validations, on the samples that both predicted: each
  AUC, and their difference with its 95 % interval and p by a paired bootstrap over patients.

  split=test    or val
  out=DIR       writes compare.json

Exit codes: 0 done, 2 the input is at fault or a scan is not usable. Research use only.
"""
KEYS = {
    "check": ("view", "mask", "series", "out"),
    "cache": ("cache", "stale"),
    "compare": ("split", "out"),
    "phantom": ("layout", "n", "seed", "difficulty", "matrix", "pattern"),
}


def main(arguments: Sequence[str]) -> int:
    """Run a command and give its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP)
        return DONE
    command, *rest = arguments
    if command not in KEYS:
        raise InputError(
            f"{command}: there is no such command; the commands are: {', '.join(KEYS)}."
        )
    if "--help" in rest:
        print(HELP)
        return DONE
    if command == "check" and any(one.startswith("data=") for one in rest):
        return _check_cohort(rest)
    paths, settings = _parsed(rest, KEYS[command])
    commands = {"check": _check, "compare": _compare, "phantom": _phantom, "cache": _cache}
    return commands[command](paths, settings)


def _parsed(arguments: Sequence[str], keys: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """Part paths from settings."""
    paths, settings = [], {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and key in keys:
            settings[key] = value
        elif equals and key.isidentifier() and not Path(argument).exists():
            raise InputError(f"{key}: there is no such setting; it takes {', '.join(keys)}.")
        elif argument.startswith("-"):
            raise InputError(f"{argument}: there is no such option; settings are KEY=VALUE.")
        else:
            paths.append(Path(argument))
    return paths, settings


def _check(paths: list[Path], settings: dict[str, str]) -> int:
    if not paths:
        raise InputError("check: name the scans to check: python -m lungcam check PATH...")
    from lungcam.cli.check import check

    if "out" in settings:
        settings = settings | {"out": Path(settings["out"])}
    return DONE if check(paths, **settings) else BAD_INPUT


def _check_cohort(settings: Sequence[str]) -> int:
    from lungcam.cli.check import check_cohort

    folders = [one.removeprefix("out=") for one in settings if one.startswith("out=")]
    rest = [one for one in settings if not one.startswith("out=")]
    check_cohort(quote_paths(rest, PATH_KEYS), Path(folders[-1]) if folders else None)
    return DONE


def _compare(paths: list[Path], settings: dict[str, str]) -> int:
    if len(paths) != 2:
        raise InputError("compare: name two runs: python -m lungcam compare RUN_A RUN_B")
    from lungcam.cli.compare import compare

    out = Path(settings["out"]) if "out" in settings else None
    compare(*paths, split=settings.get("split", "test"), out=out)
    return DONE


def _phantom(paths: list[Path], settings: dict[str, str]) -> int:
    if len(paths) != 1:
        raise InputError("phantom: name one folder: python -m lungcam phantom OUT layout=lidc")
    from lungcam.cli.phantom import phantom

    phantom(paths[0], **settings)
    return DONE


def _cache(paths: list[Path], settings: dict[str, str]) -> int:
    if [str(path) for path in paths] not in (["info"], ["clear"]):
        raise InputError("cache: say what to do: python -m lungcam cache info, or clear")
    stale = settings.get("stale", "false")
    if stale not in ("true", "false") or (stale == "true" and str(paths[0]) == "info"):
        raise InputError(f"stale={stale}: clear takes true or false; info takes no stale.")
    from lungcam.cli.cache import cache_command

    cache_command(
        str(paths[0]), Path(settings.get("cache", "outputs/cache")), stale=stale == "true"
    )
    return DONE


if __name__ == "__main__":
    with exit_codes(TRAIN_COMMAND):
        sys.exit(main(sys.argv[1:]))
