"""Refusals of a setting by Hydra and OmegaConf: one line, with the nearest name and the remedy."""

import re

from lungcam.config.schema import SCHEMAS
from lungcam.config.suggestions import choices_of, did_you_mean, known_keys
from lungcam.runtime.versions import CONFIG_FOLDER

# launchers of Hydra, and the extra of lungcam that installs each
LAUNCHERS = {
    "joblib": "joblib",
    "submitit_local": "submitit",
    "submitit_slurm": "submitit",
    "ray": "ray",
}
NO_KEY = re.compile(r"Could not override '([^']+)'|Could not delete from config. '([^']+)'")
NO_CHOICE = re.compile(r"Could not (?:find|load) '(?P<group>[^']+)/(?P<choice>[^'/]+)'")
OPTIONS = re.compile(r"Available options in '[^']*':\n((?:\t.*(?:\n|$))+)")


def describe_refusal(error: BaseException, script: str, *, name: str) -> str:
    """Return the line that ends a command with settings that do not compose.

    Args:
        error: From Hydra or OmegaConf.
        script: The command as it was typed, for the remedy.
        name: Name of the configuration, a key of `SCHEMAS`.
    """
    listed = f"`{script} --help` lists the keys."
    if name == "train":
        listed = f"`{script} --help` lists the groups, `--cfg job` the keys."
    text = str(error)
    for launcher, extra in LAUNCHERS.items():
        if f"'hydra/launcher/{launcher}'" in text:
            return f"{_first_line(error)} Install it: pip install 'lungcam[{extra}]'."
    if match := NO_KEY.match(text):
        key = match[1] or match[2]
        keys = known_keys(SCHEMAS[name], CONFIG_FOLDER if name == "train" else None)
        hint = did_you_mean(key, keys)
        return f"{key}: there is no such setting.{hint} {listed}"
    if match := NO_CHOICE.search(text):
        group, choice = match["group"], match["choice"]
        options = OPTIONS.search(text)
        choices = options[1].split() if options else choices_of(group, CONFIG_FOLDER)
        if choices:
            hint = did_you_mean(choice, choices)
            return (
                f"{group}={choice}: there is no such choice; choose "
                f"{', '.join(choices)}.{hint} {listed}"
            )
    return f"{_first_line(error)} {listed}"


def _first_line(error: BaseException) -> str:
    """Return the message of a configuration error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # where a file is at fault, Hydra names it first and the error on the next line
    message = " ".join(lines[:2]) if lines[:1] and lines[0].endswith(":") else "".join(lines[:1])
    cause = str(error.__cause__ or "").strip().splitlines()[:1]
    if cause and cause[0] not in message:
        message = f"{message} {cause[0]}"
    return message.rstrip(".") + "."
