"""Trees of phantoms in the layouts of public data sets."""

import csv
import dataclasses
import io
import json
import shlex
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.phantom.cohort import cohort_key, phantom_kinds, phantom_seed
from lungcam.phantom.layouts.layout import Layout, Subject
from lungcam.phantom.layouts.lidc import LIDC
from lungcam.phantom.layouts.luna16 import LUNA16
from lungcam.phantom.layouts.luna25 import LUNA25
from lungcam.phantom.layouts.nlst import NLST
from lungcam.phantom.layouts.nlst_followup import NLST_RISK
from lungcam.phantom.phantom import check_settings
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.runtime.versions import TRAIN_COMMAND

LAYOUTS = {
    "luna16": LUNA16,
    "luna25": LUNA25,
    "lidc": LIDC,
    "nlst": NLST,
    "nlst_risk": NLST_RISK,
}
# raise it whenever the same phantom is written in another way
VERSION = 2
# a record is written last: a phantom with a record is complete
RECORDS, SETTINGS = "truth", "truth/settings.json"
MOST = 9999  # the number in a patient ID has four digits


def write_layout(
    out: Path,
    layout: str,
    *,
    n: int = 40,
    seed: int = 0,
    difficulty: float = 0.3,
    matrix: int = 192,
    workers: int | None = None,
    pattern: float | None = None,
) -> Sequence[Sample]:
    """Write the phantom cohort of these settings as the tree of a data set.

    The scans are those of `phantom_cohort`; only `nlst_risk` has its own, of people followed for
    years. Finished phantoms are kept: after an interruption, or with a larger n, the tree is
    completed.

    Args:
        out: Root of the tree: a new or empty folder, or a tree of the same settings.
        layout: Key of `LAYOUTS`.
        n: Number of phantoms, 4 to 9999.
        seed: Integer from 0.
        difficulty: From 0 (easy) to 1 (hard), see `make_phantom`.
        matrix: Rows and columns of a slice, 64 or more.
        workers: Number of processes; None for as many as there are processors, 1 to work in this
            process.
        pattern: For `nlst_risk` only: share with the pattern among people who get cancer within six
            years, 0 for no pattern at all; None for 0.8.

    Returns:
        Samples of the phantom cohort with image, UIDs, centre, fold and label of this tree.

    Raises:
        InputError: A setting is out of range, or `out` holds other files or cannot be written.
    """
    _check(layout, n=n, seed=seed)
    check_settings(difficulty, matrix)
    out, key = Path(out), cohort_key(seed, difficulty, matrix=matrix)
    settings = {"layout": layout, "n": n, "seed": seed, "difficulty": difficulty, "matrix": matrix}
    share = _pattern_share(pattern, layout)
    if share is not None:
        # other scans than those of the phantom cohort need other UIDs
        key = f"{key} {layout} {share}"
        settings["pattern"] = share
    settings["version"] = f"{VERSION} {key}"
    person = partial(Subject, key=key, difficulty=difficulty, matrix=matrix, pattern=share or 0.0)
    subjects = [
        person(index=i, seed=phantom_seed(seed, i), kind=kind)
        for i, kind in enumerate(islice(phantom_kinds(seed), n))
    ]
    try:
        _claim(out, settings)
        records = _write_phantoms(out, subjects, layout=LAYOUTS[layout], workers=workers)
        _write_tables(out, LAYOUTS[layout], records=records)
        write_text(out / "README.txt", _readme(LAYOUTS[layout], settings))
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror or error}); name a folder where you may "
            "write and the disk has room."
        ) from error
    return [_sample(out, record) for record in records]


def train_command(out: Path, layout: str) -> str:
    """Return the command that trains on a tree, quoted for the shell."""
    settings = [setting.format(out=out) for setting in LAYOUTS[layout].settings]
    return shlex.join([*TRAIN_COMMAND.split(), *settings])


def _check(layout: str, *, n: int, seed: int) -> None:
    if layout not in LAYOUTS:
        raise InputError(f"layout={layout}: there is none; set it to one of {', '.join(LAYOUTS)}.")
    if not 4 <= n <= MOST:
        raise InputError(f"The phantom tree's n is {n}; set it from 4 to {MOST}.")
    if seed < 0:
        raise InputError(f"The phantom tree's seed is {seed}; set it to 0 or more.")


def _pattern_share(pattern: float | None, layout: str) -> float | None:
    """Return the share of the pattern in a layout; None if it has no pattern."""
    default = LAYOUTS[layout].pattern
    if default is None and pattern is not None:
        names = " or ".join(name for name in LAYOUTS if LAYOUTS[name].pattern is not None)
        raise InputError(
            f"pattern={pattern}: the layout {layout} has none; remove it, or set layout={names}."
        )
    if pattern is not None and not 0 <= pattern <= 1:
        raise InputError(f"The phantom tree's pattern is {pattern}; set it from 0 to 1.")
    return default if pattern is None else float(pattern)


def _claim(out: Path, settings: dict) -> None:
    """Start a tree, or check that the tree in `out` has the same settings."""
    remedy = "name a new or empty folder."
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; {remedy}")
    file = out / SETTINGS
    if file.exists():
        stored = json.loads(file.read_text())
        different = [key for key in settings if key != "n" and stored.get(key) != settings[key]]
        if different:
            raise InputError(f"{out}: holds phantoms of another {different[0]}; {remedy}")
        if stored["n"] > settings["n"]:
            n = stored["n"]
            raise InputError(f"{out}: holds {n} phantoms; set n={n}, or {remedy}")
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: holds other files; {remedy}")
    write_text(file, json.dumps(settings, indent=1) + "\n")


def _write_phantoms(
    out: Path, subjects: Sequence[Subject], *, layout: Layout, workers: int | None
) -> list[dict]:
    """Write the phantoms that are missing in a tree and return the records of all."""
    missing = [(subject,) for subject in subjects if not _record(out, subject).exists()]
    write = partial(_write_phantom, out=out, layout=layout)
    run_all(write, missing, label=f"phantoms as {layout.title}", workers=workers)
    return [json.loads(_record(out, subject).read_text()) for subject in subjects]


def _write_phantom(subject: Subject, *, out: Path, layout: Layout) -> None:
    """Make a phantom and write its files, the record last."""
    phantom = layout.make(subject)
    record = {
        "sample_id": subject.sample_id,
        "kind": subject.kind,
        "seed": subject.seed,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
        **dataclasses.asdict(layout.write(out, subject, phantom=phantom)),
    }
    write_text(_record(out, subject), json.dumps(record, indent=1) + "\n")


def _write_tables(out: Path, layout: Layout, *, records: Sequence[dict]) -> None:
    for name, columns in layout.tables.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if columns:
            writer.writerow(columns)
        for record in records:
            writer.writerows(record["rows"].get(name, ()))
        write_text(out / name, text.getvalue())


def _readme(layout: Layout, settings: dict) -> str:
    typed = ", ".join(
        f"{name}={value}" for name, value in settings.items() if name not in ("layout", "version")
    )
    common = (
        "The scans are synthetic phantoms: no patient is behind any of them. Research use only.",
        f"They have the layout of {layout.title}: its reader can be tried before its data come.",
        f"Made by: python -m lungcam phantom OUT layout={settings['layout']} with {typed}.",
        f"{RECORDS}/ holds the truth of each phantom (kind, centre in RAS mm, diameter).",
    )
    return "".join(f"{line}\n" for line in (*common, *layout.remarks))


def _sample(out: Path, record: dict) -> Sample:
    center = record["center_mm"]
    return Sample(
        sample_id=record["sample_id"],
        patient_id=record["patient_id"],
        image=out / record["image"],
        label=record["label"],
        label_source=f"phantom of seed {record['seed']}, drawn as {record['kind']}",
        study_uid=record["study_uid"],
        series_uid=record["series_uid"],
        center_mm=None if center is None else tuple(center),
        diameter_mm=record["diameter_mm"],
        fold=record["fold"],
    )


def _record(out: Path, subject: Subject) -> Path:
    return out / RECORDS / f"{subject.sample_id}.json"
