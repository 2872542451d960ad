"""A case of LUNA25's test: `python -m lungcam luna25 input=/input output=/output ckpt=RUN`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.cli.plugins import plugin_names
from lungcam.config.paths import FOLDER, find_checkpoints, refuse_absent, refuse_file
from lungcam.errors import InputError


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Rate the nodules of a case, and return the exit code.

    Args:
        paths: None.
        settings: `input` and `output`, the container's folders; `ckpt`; `tta`; `plugins`.

    Raises:
        InputError: A setting is missing or wrong, or the case or the net is at fault.
    """
    if paths or "ckpt" not in settings:
        raise InputError("luna25: give a net: python -m lungcam luna25 ckpt=RUN")
    source, out = (Path(settings.get(key, f"/{key}")) for key in ("input", "output"))
    refuse_absent(source, "input=", kind=FOLDER)
    refuse_file(out, "output")
    tta = settings.get("tta")
    if tta not in (None, "flips"):
        raise InputError(f"tta={tta}: choose flips, or leave it out.")
    ckpt = settings["ckpt"]
    # several nets are given as in infer.py, ckpt=[A,B]
    listed = ckpt[1:-1].split(",") if ckpt.startswith("[") else ckpt
    plugins = plugin_names([f"plugins={settings['plugins']}"]) if "plugins" in settings else []
    files = find_checkpoints(listed)
    # slow to load
    from lungcam.runs.luna25 import rate_case

    print(rate_case(source, out, ckpt=files, tta=tta, plugins=plugins))
    return DONE
