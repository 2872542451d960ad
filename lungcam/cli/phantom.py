"""Write the phantom cohort as a public data set's tree, and say how to train on it."""

from collections import Counter
from pathlib import Path

from lungcam.errors import InputError
from lungcam.phantom.layouts import LAYOUTS, train_command, write_layout

TYPES = {"n": int, "seed": int, "difficulty": float, "matrix": int, "pattern": float}


def phantom(out: Path, layout: str | None = None, **settings: str) -> None:
    """Write a tree of phantoms and print what was written.

    Args:
        out: The tree's root.
        layout: A key of `LAYOUTS`.
        settings: Of `write_layout`, as they were typed.

    Raises:
        InputError: A setting is missing or wrong, or `out` cannot be used.
    """
    if layout is None:
        raise InputError(f"phantom: set layout= to one of {', '.join(LAYOUTS)}.")
    numbers = {}
    for name, text in settings.items():
        try:
            numbers[name] = TYPES[name](text)
        except ValueError:
            raise InputError(f"{name}={text}: is no number; correct it.") from None
    samples = write_layout(out, layout, **numbers)
    kinds = Counter(sample.label_source.rsplit(" ", 1)[1] for sample in samples)
    told = ", ".join(f"{kinds[kind]} {kind}" for kind in ("malignant", "benign", "healthy"))
    print(f"{out}: {len(samples)} phantoms ({told}) in the layout of {LAYOUTS[layout].title}.")
    print(f"Train on them: {train_command(out, layout)}")
