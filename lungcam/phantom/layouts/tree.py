"""A tree of phantoms in the layout of a public data set."""

import csv
import dataclasses
import io
import json
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.phantom.cohort import cohort_key, phantom_kinds, phantom_seed
from lungcam.phantom.layouts.layout import Layout, Subject
from lungcam.phantom.layouts.lidc import LIDC
from lungcam.phantom.layouts.luna16 import LUNA16
from lungcam.phantom.layouts.nlst import NLST
from lungcam.phantom.layouts.nlst_followup import NLST_RISK
from lungcam.phantom.phantom import check_settings
from lungcam.runtime.atomic import write_text
from lungcam.runtime.parallel import run_all
from lungcam.runtime.versions import TRAIN_COMMAND

LAYOUTS = {"luna16": LUNA16, "lidc": LIDC, "nlst": NLST, "nlst_risk": NLST_RISK}
# to be raised whenever the same phantom would be written otherwise
VERSION = 2
# a record is written last: what has one is finished
RECORDS, SETTINGS = "truth", "truth/settings.json"
MOST = 9999  # numbers in a person's name have four digits


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
    """Write the phantom cohort of these settings as a data set's tree.

    The scans are those of `phantom_cohort`; only `nlst_risk` has its own, of people followed for
    years. What is finished is not made again: after a stop, or with a larger n, the tree goes on
    from where it was.

    Args:
        out: The tree's root: a new or empty folder, or a tree of the same settings.
        layout: A key of `LAYOUTS`.
        n: Phantoms in the tree, 4 to 9999.
        seed: Any integer from 0 on.
        difficulty: From 0 (easy) to 1 (hard), see `make_phantom`.
        matrix: Rows and columns of a slice, 64 or more.
        workers: Processes; None for as many as there are processors, 1 for none beside this one.
        pattern: Of `nlst_risk` alone: the share of those with the pattern among people who get
            cancer within six years, 0 for no pattern at all; None for 0.8.

    Returns:
        The phantom cohort's samples with image, UIDs, centre, fold and label as they stand in this
        tree.

    Raises:
        InputError: A setting is out of range, or `out` holds other things or cannot be written.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout={layout}: there is none; set it to one of {', '.join(LAYOUTS)}.")
    if not 4 <= n <= MOST:
        raise InputError(f"The phantom tree's n is {n}; set it from 4 to {MOST}.")
    if seed < 0:
        raise InputError(f"The phantom tree's seed is {seed}; set it to 0 or more.")
    check_settings(difficulty, matrix)
    out = Path(out)
    key = cohort_key(seed, difficulty, matrix=matrix)
    settings = {"layout": layout, "n": n, "seed": seed, "difficulty": difficulty, "matrix": matrix}
    share = _share(pattern, layout)
    if share is not None:
        # other scans than the phantom cohort's: other UIDs
        key = f"{key} {layout} {share}"
        settings["pattern"] = share
    settings["version"] = f"{VERSION} {key}"
    subjects = [
        Subject(
            index=i,
            key=key,
            seed=phantom_seed(seed, i),
            kind=kind,
            difficulty=difficulty,
            matrix=matrix,
            pattern=share or 0.0,
        )
        for i, kind in enumerate(islice(phantom_kinds(seed), n))
    ]
    try:
        _claim(out, settings)
        missing = [(out, layout, one) for one in subjects if not _record(out, one).exists()]
        run_all(_write, missing, label=f"phantoms as {LAYOUTS[layout].title}", workers=workers)
        records = [json.loads(_record(out, one).read_text()) for one in subjects]
        _write_tables(out, LAYOUTS[layout], records=records)
        write_text(out / "README.txt", _readme(LAYOUTS[layout], settings))
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror or error}); name a folder where you may "
            "write and the disk has room."
        ) from error
    return [_sample(out, one) for one in records]


def train_command(out: Path, layout: str) -> str:
    """The command that trains on a tree, quoted for the shell."""
    settings = [one.format(out=out) for one in LAYOUTS[layout].settings]
    return shlex.join([*TRAIN_COMMAND.split(), *settings])


def _share(pattern: float | None, layout: str) -> float | None:
    """The pattern's share in a layout; None where there is no such thing."""
    usual = LAYOUTS[layout].pattern
    if usual is None and pattern is not None:
        having = " or ".join(name for name, one in LAYOUTS.items() if one.pattern is not None)
        raise InputError(
            f"pattern={pattern}: the layout {layout} has none; remove it, or set layout={having}."
        )
    if pattern is not None and not 0 <= pattern <= 1:
        raise InputError(f"The phantom tree's pattern is {pattern}; set it from 0 to 1.")
    return usual if pattern is None else float(pattern)


def _record(out: Path, subject: Subject) -> Path:
    return out / RECORDS / f"{subject.sample_id}.json"


def _claim(out: Path, settings: dict) -> None:
    """Begin a tree, or make sure that the one in `out` is to be gone on with."""
    remedy = "name a new or empty folder."
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; {remedy}")
    file = out / SETTINGS
    if file.exists():
        there = json.loads(file.read_text())
        different = [name for name in settings if name != "n" and there.get(name) != settings[name]]
        if different:
            raise InputError(f"{out}: holds phantoms of another {different[0]}; {remedy}")
        if there["n"] > settings["n"]:
            raise InputError(f"{out}: holds {there['n']} phantoms; set n={there['n']}, or {remedy}")
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: holds other things; {remedy}")
    write_text(file, json.dumps(settings, indent=1) + "\n")


def _write(out: Path, layout: str, subject: Subject) -> None:
    """Make one phantom and write its files, the record last."""
    phantom = LAYOUTS[layout].make(subject)
    record = {
        "sample_id": subject.sample_id,
        "kind": subject.kind,
        "seed": subject.seed,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
        **dataclasses.asdict(LAYOUTS[layout].write(out, subject, phantom)),
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
    told = ", ".join(
        f"{name}={value}" for name, value in settings.items() if name not in ("layout", "version")
    )
    common = (
        "The scans are synthetic phantoms: no patient is behind any of them. Research use only.",
        f"They lie as {layout.title} does, so that its reader can be tried before the data come.",
        f"Made by: python -m lungcam phantom OUT layout={settings['layout']} with {told}.",
        f"{RECORDS}/ holds what is known of each phantom (kind, centre in RAS mm, diameter).",
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
