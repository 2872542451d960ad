"""A user's table of scans to predict."""

import csv
import re
from pathlib import Path

from lungcam.cohorts import Sample
from lungcam.errors import InputError


def read_table(file: Path) -> list[Sample]:
    """Read the rows of a CSV with an `image` column, and `sample_id`, `patient_id`, `label` if any.

    Args:
        file: The table; image paths are relative to its folder.

    Returns:
        One sample a row, whether its image exists or not.

    Raises:
        InputError: The table has no `image` column or no row, or a sample_id stands twice.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a CSV table in UTF-8; check it.") from error
    if not rows or "image" not in rows[0][1]:
        raise InputError(f"{file}: no rows with a column `image`; add one with each scan's path.")
    samples, seen = [], set()
    for number, row in rows:
        image = (row["image"] or "").strip()
        if not image:
            raise InputError(f"{file}: row {number} names no image; fill it in or remove the row.")
        name = re.sub(r"[^\w.\-]+", "_", row.get("sample_id") or Path(image).name.split(".nii")[0])
        if not name.strip("."):
            raise InputError(
                f"{file}: row {number}: sample_id {name} cannot name a folder; change it."
            )
        if name in seen:
            raise InputError(
                f"{file}: row {number}: sample_id {name} stands twice; make it unique."
            )
        seen.add(name)
        label = (row.get("label") or "").strip()
        if label not in ("", "0", "1"):
            raise InputError(f"{file}: row {number}: label {label} is neither 0 nor 1.")
        samples.append(
            Sample(
                sample_id=name,
                patient_id=row.get("patient_id") or name,
                image=file.parent / image,
                label=int(label) if label else None,
                label_source=f"{file.name}, row {number}",
            )
        )
    return samples
