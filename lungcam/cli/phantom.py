"""Phantoms in the layout of a public data set: `python -m lungcam phantom OUT layout=NAME`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.errors import InputError
from lungcam.phantom.layouts import LAYOUTS, train_command, write_layout

TYPES = {"n": int, "seed": int, "difficulty": float, "matrix": int, "pattern": float}


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Write phantoms, print a summary and the command that trains on them.

    Args:
        paths: The folder to write.
        settings: `layout`, a key of `LAYOUTS`, and numbers that `write_layout` takes.

    Returns:
        The exit code.

    Raises:
        InputError: A setting is missing or wrong, or the folder cannot be used.
    """
    if len(paths) != 1:
        raise InputError("phantom: name one folder: python -m lungcam phantom OUT layout=lidc")
    (out,), layout = paths, settings.get("layout")
    if layout is None:
        raise InputError(f"phantom: set layout= to one of {', '.join(LAYOUTS)}.")
    samples = write_layout(out, layout, **_numbers(settings))
    kinds = Counter(sample.label_source.rsplit(" ", 1)[1] for sample in samples)
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in ("malignant", "benign", "healthy"))
    print(f"{out}: {len(samples)} phantoms ({counts}) in the layout of {LAYOUTS[layout].title}.")
    print(f"Train on them: {train_command(out, layout)}")
    return DONE


def _numbers(settings: Mapping[str, str]) -> dict[str, int | float]:
    numbers = {}
    for name, text in settings.items():
        if name not in TYPES:
            continue
        try:
            numbers[name] = TYPES[name](text)
        except ValueError:
            raise InputError(f"{name}={text}: is no number; correct it.") from None
    return numbers
