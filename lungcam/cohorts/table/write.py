"""CSV file of a cohort's samples."""

import os
from collections.abc import Sequence
from pathlib import Path

from lungcam.cohorts.sample import Sample
from lungcam.runtime.atomic import write_table

COLUMNS = (
    "sample_id",
    "patient_id",
    "study_uid",
    "series_uid",
    "image",
    "label",
    "label_source",
    "label_rule",
    "coordX",
    "coordY",
    "coordZ",
    "diameter_mm",
    "mask",
    "fold",
    "time_days",
    "event",
)
# column of the numbers of `task=number`
NUMBER = "number"
# columns that are written where any sample has a value, with the sample's field
OPTIONAL = {
    "segment": "lesion_segment",
    "lungs_mask": "lungs_mask",
    "lungs_segment": "lungs_segment",
    "scan_time": "time",
    NUMBER: "number",
}


def write_samples(file: Path, samples: Sequence[Sample], *, label_rule: str) -> None:
    """Write samples as a CSV that `read_samples` and `data=table` can read.

    Paths are relative to the file, centres in LPS mm as in LUNA16; unknown values are empty.

    Args:
        file: File to write.
        samples: Samples, one per row.
        label_rule: Rule of the labels, written in each row, so that tables can be concatenated.
    """
    # without features that have the name of a column
    names = {name for sample in samples for name in sample.features}
    features = sorted(names - {*COLUMNS, *OPTIONAL})
    optional = [
        column
        for column, name in OPTIONAL.items()
        if any(getattr(sample, name) is not None for sample in samples)
    ]
    folder = file.resolve().parent
    write_table(
        file,
        [*COLUMNS, *optional, *features],
        rows=(
            _row(sample, folder)
            | {"label_rule": label_rule}
            | {column: _optional(sample, column, folder=folder) for column in optional}
            | {name: sample.features.get(name) for name in features}
            for sample in samples
        ),
    )


def _row(sample: Sample, folder: Path) -> dict[str, object]:
    x, y, z = sample.center_mm or (None, None, None)
    return {
        "sample_id": sample.sample_id,
        "patient_id": sample.patient_id,
        "study_uid": sample.study_uid,
        "series_uid": sample.series_uid,
        "image": _relative(sample.image, folder),
        "label": sample.label,
        "label_source": sample.label_source,
        "coordX": x if x is None else round(-x, 4),
        "coordY": y if y is None else round(-y, 4),
        "coordZ": z if z is None else round(z, 4),
        "diameter_mm": sample.diameter_mm,
        "mask": sample.lesion_mask and _relative(sample.lesion_mask, folder),
        "fold": sample.fold,
        "time_days": sample.time_days,
        "event": None if sample.event is None else int(sample.event),
    }


def _optional(sample: Sample, column: str, *, folder: Path) -> object:
    value = getattr(sample, OPTIONAL[column])
    return _relative(value, folder) if isinstance(value, Path) else value


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.absolute(), folder)
