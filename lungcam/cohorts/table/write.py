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


def write_samples(file: Path, samples: Sequence[Sample], *, label_rule: str) -> None:
    """Write samples as a CSV that `read_samples` and `data=table` can read.

    Paths are relative to the file, centres in LPS mm as in LUNA16; unknown values are empty.

    Args:
        file: File to write.
        samples: Samples, one per row.
        label_rule: Rule of the labels, written in each row, so that tables can be concatenated.
    """
    # without features that have the name of a column
    features = sorted({name for sample in samples for name in sample.features} - set(COLUMNS))
    folder = file.resolve().parent
    write_table(
        file,
        [*COLUMNS, *features],
        rows=(
            _row(sample, folder)
            | {"label_rule": label_rule}
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


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.absolute(), folder)
