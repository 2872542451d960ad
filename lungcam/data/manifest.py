"""Manifest of a split, splits.csv, and the same split of another run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungcam.cohorts.csv_rows import read_rows
from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.runtime.atomic import write_table

SPLITS = ("train", "val", "test")
COLUMNS = (
    "sample_id",
    "patient_id",
    "study_uid",
    "series_uid",
    "pixels",
    "split",
    "label",
    "label_source",
)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Split of every patient, series and scan of a run.

    Attributes:
        file: The splits.csv.
        patients: Split by patient_id.
        series: Split by series UID.
        pixels: Split by pixel hash.
    """

    file: Path
    patients: Mapping[str, str]
    series: Mapping[str, str]
    pixels: Mapping[str, str]

    def splits(self, sample: Sample) -> set[str]:
        """Return the splits of the sample's patient and of its series; empty if both are new."""
        splits = self.patients.get(sample.patient_id), self.series.get(sample.series_uid or "")
        return {split for split in splits if split}


def write_manifest(
    file: Path, splits: Mapping[str, Sequence[Sample]], *, pixels: Mapping[str, str]
) -> None:
    """Write splits.csv.

    Args:
        file: File to write.
        splits: Samples by split.
        pixels: Pixel hash by sample_id.
    """
    write_table(
        file,
        COLUMNS,
        rows=(
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "study_uid": sample.study_uid,
                "series_uid": sample.series_uid,
                "pixels": pixels.get(sample.sample_id),
                "split": split,
                "label": sample.label,
                "label_source": sample.label_source,
            }
            for split, samples in splits.items()
            for sample in samples
        ),
    )


def read_manifest(file: str | Path) -> Manifest:
    """Read a splits.csv.

    Raises:
        InputError: It cannot be read, names another split, or puts a patient, a series or the same
            voxels into several splits.
    """
    file = Path(file)
    rows = read_rows(file, ("patient_id", "split"))
    splits_of: dict[str, dict[str, set[str]]] = {
        column: defaultdict(set) for column in ("patient_id", "series_uid", "pixels")
    }
    for row in rows:
        split = row.text("split")
        if split not in SPLITS:
            raise InputError(f"{row.place}: split is {split!r}; it takes {', '.join(SPLITS)}.")
        for column, splits in splits_of.items():
            if row.text(column):
                splits[row.text(column)].add(split)
    for column, splits in splits_of.items():
        divided = sorted(value for value, names in splits.items() if len(names) > 1)
        if divided:
            raise InputError(
                f"{file}: leak: {column} {', '.join(divided[:5])} ({len(divided)} in all) is in "
                "several splits: give each one split."
            )
    patients, series, pixels = (
        {value: next(iter(names)) for value, names in splits.items()}
        for splits in splits_of.values()
    )
    return Manifest(file=file, patients=patients, series=series, pixels=pixels)


def split_by_manifest(
    samples: Sequence[Sample], manifest: Manifest
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Put each patient's samples into the split of the patient, or of one of the series.

    Args:
        samples: Samples with a label.
        manifest: From `read_manifest`, of this cohort or of another with scans in common.

    Returns:
        Samples by split, in the table's order, and sentences on what was left out.

    Raises:
        InputError: A patient's samples are in several splits, or a split stays empty.
    """
    splits_of: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        splits_of[sample.patient_id] |= manifest.splits(sample)
    divided = sorted(patient for patient, names in splits_of.items() if len(names) > 1)
    if divided:
        raise InputError(
            f"{manifest.file}: leak: patient {', '.join(divided[:5])} ({len(divided)} in all) is "
            "in several splits there: give each patient the same patient_id in both."
        )
    splits: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for sample in samples:
        for name in splits_of[sample.patient_id]:
            splits[name].append(sample)
    left = len(samples) - sum(map(len, splits.values()))
    empty = [name for name, members in splits.items() if not members]
    if empty:
        raise InputError(
            f"{manifest.file}: it has no sample of this cohort in {' or '.join(empty)}: give "
            "the splits.csv of a run on this cohort."
        )
    notes = [f"{left} samples that {manifest.file} does not name are left out"] if left else []
    return splits, notes
