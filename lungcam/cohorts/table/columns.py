"""Assignment of a table's columns to the fields of a sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.config.suggestions import did_you_mean
from lungcam.errors import InputError

# default columns by field; the first that a table has is used
DEFAULT_COLUMNS: dict[str, tuple[str | tuple[str, str, str], ...]] = {
    "image": ("image",),
    "sample_id": ("sample_id",),
    "patient_id": ("patient_id", "pid"),
    "study_uid": ("study_uid", "StudyInstanceUID"),
    "series_uid": ("series_uid", "seriesuid", "SeriesInstanceUID"),
    "label": ("label", "malignancy"),
    "center": (("coordX", "coordY", "coordZ"),),
    "diameter_mm": ("diameter_mm",),
    "mask": ("mask",),
    "segment": ("segment", "roi"),
    "lungs_mask": ("lungs_mask",),
    "lungs_segment": ("lungs_segment",),
    "scan_time": ("scan_time",),
    "fold": ("fold",),
    "time_days": ("time_days",),
    "event": ("event",),
    "number": ("number",),
}
# fields that identify a scan: the default column is used if the user's is missing
IDENTIFIERS = ("image", "sample_id", "patient_id", "study_uid", "series_uid")
Columns = dict[str, str | tuple[str, str, str] | None]


def choose_columns(
    file: Path,
    header: Sequence[str],
    *,
    columns: Mapping[str, str | Sequence[str] | None],
    lenient: bool = False,
) -> Columns:
    """Find the column of each field in `DEFAULT_COLUMNS`.

    Args:
        file: The table, for the message.
        header: Columns of the table.
        columns: The user's columns by field; where None or absent, the first default column of the
            table is used. `center` takes three.
        lenient: True if the user's columns may be missing, as in a table that a trained net is
            applied to; fields that identify the scan then use the default column.

    Returns:
        Column by field, None if there is none.

    Raises:
        InputError: A field does not exist, or the table lacks a column of the user or `image`.
    """
    for field in columns:
        if field not in DEFAULT_COLUMNS:
            raise InputError(
                f"data.columns.{field}: no such name; it takes {', '.join(DEFAULT_COLUMNS)}."
                f"{did_you_mean(field, DEFAULT_COLUMNS)}"
            )
    chosen: Columns = {}
    for field, defaults in DEFAULT_COLUMNS.items():
        column = columns.get(field)
        fallback = next((default for default in defaults if _has(header, default)), None)
        if column is None:
            chosen[field] = fallback
            continue
        column = column if isinstance(column, str) else tuple(column)
        _check_count(field, column)
        if _has(header, column):
            chosen[field] = column
        elif lenient:
            chosen[field] = fallback if field in IDENTIFIERS else None
        else:
            names = [column] if isinstance(column, str) else column
            missing = next(name for name in names if name not in header)
            raise InputError(
                f"{file}: there is no column {missing} (data.columns.{field}); it has "
                f"{', '.join(header)}.{did_you_mean(missing, header)}"
            )
    if chosen["image"] is None:
        usual = columns.get("image") or "image"
        # infer.py has no such key: it takes the columns of the training
        remedy = f"call it {usual}" if lenient else "name yours by data.columns.image"
        raise InputError(
            f"{file}: there is no column `image` with each scan's path; add one, or {remedy}."
            f"{did_you_mean('image', header)}"
        )
    return chosen


def _check_count(field: str, column: str | tuple[str, ...]) -> None:
    """Refuse a centre that has not three columns, and any other field that has several."""
    if field == "center" and (isinstance(column, str) or len(column) != 3):
        raise InputError(f"data.columns.{field}={column}: name three columns, x, y and z.")
    if field != "center" and not isinstance(column, str):
        raise InputError(f"data.columns.{field}={column}: name one column.")


def _has(header: Sequence[str], column: str | tuple[str, ...]) -> bool:
    return {column} <= set(header) if isinstance(column, str) else set(column) <= set(header)
