"""splits.csv: which sample stood on which side, and how to tell it again."""

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
    """Sides by what identifies a sample.

    Attributes:
        file: The splits.csv.
        patients: Side of each patient.
        series: Side of each series UID.
        pixels: Side of each pixel hash.
    """

    file: Path
    patients: Mapping[str, str]
    series: Mapping[str, str]
    pixels: Mapping[str, str]

    def sides(self, sample: Sample) -> set[str]:
        """Where the sample's patient or its series stood; none where it names neither."""
        told = self.patients.get(sample.patient_id), self.series.get(sample.series_uid or "")
        return {side for side in told if side}


def write_manifest(
    file: Path, splits: Mapping[str, Sequence[Sample]], *, pixels: Mapping[str, str]
) -> None:
    """Write splits.csv.

    Args:
        file: The file.
        splits: Samples by side.
        pixels: Pixel hash by sample_id.
    """
    write_table(
        file,
        COLUMNS,
        rows=(
            {
                "sample_id": one.sample_id,
                "patient_id": one.patient_id,
                "study_uid": one.study_uid,
                "series_uid": one.series_uid,
                "pixels": pixels.get(one.sample_id),
                "split": side,
                "label": one.label,
                "label_source": one.label_source,
            }
            for side, samples in splits.items()
            for one in samples
        ),
    )


def read_manifest(file: str | Path) -> Manifest:
    """Read a splits.csv.

    Raises:
        InputError: It cannot be read, names another side, or parts a patient, a series or pixels.
    """
    file = Path(file)
    rows = read_rows(file, ("patient_id", "split"))
    sides: dict[str, dict[str, set[str]]] = {
        name: defaultdict(set) for name in ("patient_id", "series_uid", "pixels")
    }
    for row in rows:
        side = row.text("split")
        if side not in SPLITS:
            raise InputError(f"{row.place}: split is {side!r}; it takes {', '.join(SPLITS)}.")
        for name, known in sides.items():
            if row.text(name):
                known[row.text(name)].add(side)
    for name, known in sides.items():
        torn = sorted(one for one, found in known.items() if len(found) > 1)
        if torn:
            raise InputError(
                f"{file}: leak: {name} {', '.join(torn[:5])} ({len(torn)} in all) stands on "
                "several sides: give each one side."
            )
    patients, series, pixels = (
        {one: next(iter(found)) for one, found in known.items()} for known in sides.values()
    )
    return Manifest(file=file, patients=patients, series=series, pixels=pixels)


def split_by_manifest(
    samples: Sequence[Sample], manifest: Manifest
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Put each patient's samples where the patient, or one of the series, stood.

    Args:
        samples: All with a label.
        manifest: From `read_manifest`, of this cohort or of another with scans in common.

    Returns:
        Samples by side, in the table's order, and sentences on what was left out.

    Raises:
        InputError: A patient's samples stood on several sides, or a side stays empty.
    """
    sides_of: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        sides_of[sample.patient_id] |= manifest.sides(sample)
    torn = sorted(patient for patient, found in sides_of.items() if len(found) > 1)
    if torn:
        raise InputError(
            f"{manifest.file}: leak: patient {', '.join(torn[:5])} ({len(torn)} in all) stood on "
            "several sides there: give each patient the same patient_id in both."
        )
    splits: dict[str, list[Sample]] = {side: [] for side in SPLITS}
    for sample in samples:
        for side in sides_of[sample.patient_id]:
            splits[side].append(sample)
    left = len(samples) - sum(map(len, splits.values()))
    empty = [side for side, found in splits.items() if not found]
    if empty:
        raise InputError(
            f"{manifest.file}: no sample of this cohort stands there in {' or '.join(empty)}: give "
            "the splits.csv of a run on this cohort."
        )
    notes = [f"{left} samples that {manifest.file} does not name are left out"] if left else []
    return splits, notes
