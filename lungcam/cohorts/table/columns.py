"""Which of a table's columns holds what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.errors import InputError

# the first of these that a table has is taken where the user names none
USUAL: dict[str, tuple[str | tuple[str, str, str], ...]] = {
    "image": ("image",),
    "sample_id": ("sample_id",),
    "patient_id": ("patient_id", "pid"),
    "study_uid": ("study_uid", "StudyInstanceUID"),
    "series_uid": ("series_uid", "seriesuid", "SeriesInstanceUID"),
    "label": ("label", "malignancy"),
    "center": (("coordX", "coordY", "coordZ"),),
    "diameter_mm": ("diameter_mm",),
    "mask": ("mask",),
    "fold": ("fold",),
    "time_days": ("time_days",),
    "event": ("event",),
}
# what tells a scan, not what is known of it: a usual column serves where the user's is absent
TELLING = ("image", "sample_id", "patient_id", "study_uid", "series_uid")
Columns = dict[str, str | tuple[str, str, str] | None]


def choose_columns(
    file: Path,
    present: Sequence[str],
    *,
    wanted: Mapping[str, str | Sequence[str] | None],
    lenient: bool = False,
) -> Columns:
    """Find the column of each of the names in `USUAL`.

    Args:
        file: The table, for the message.
        present: Its columns.
        wanted: The user's columns by these names; where None or absent, the first usual one that
            the table has. `center` takes three.
        lenient: Whether a wanted column may be missing, as in a table that a trained net is applied
            to; what tells the scan then falls back to the usual column.

    Returns:
        Column by name, None where there is none.

    Raises:
        InputError: A name is not known, or a wanted column, or `image`, is not in the table.
    """
    for name in wanted:
        if name not in USUAL:
            raise InputError(f"data.columns.{name}: no such name; it takes {', '.join(USUAL)}.")
    chosen: Columns = {}
    for name, usual in USUAL.items():
        own = wanted.get(name)
        fallback = next((one for one in usual if _has(present, one)), None)
        if own is None:
            chosen[name] = fallback
            continue
        own = own if isinstance(own, str) else tuple(own)
        if (name == "center") == isinstance(own, str) or (name == "center" and len(own) != 3):
            raise InputError(
                f"data.columns.{name}={own}: "
                + ("name three columns, x, y and z." if name == "center" else "name one column.")
            )
        if _has(present, own):
            chosen[name] = own
        elif lenient:
            chosen[name] = fallback if name in TELLING else None
        else:
            raise InputError(
                f"{file}: there is no column {own} (data.columns.{name}); it has "
                f"{', '.join(present)}."
            )
    if chosen["image"] is None:
        raise InputError(
            f"{file}: there is no column `image` with each scan's path; add one, or name yours by "
            "data.columns.image."
        )
    return chosen


def _has(present: Sequence[str], column: str | tuple[str, ...]) -> bool:
    return {column} <= set(present) if isinstance(column, str) else set(column) <= set(present)
