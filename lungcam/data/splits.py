"""Which patient belongs to training, validation or test."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.files import write_text

SPLITS = ("train", "val", "test")


def split_by_patient(
    samples: Sequence[Sample], val: float, test: float, seed: int
) -> dict[str, list[Sample]]:
    """Split so that no patient stands on two sides, and each side has its share of positives.

    Args:
        samples: All with a label.
        val: Share of the patients for validation.
        test: Share of the patients for the test.
        seed: Of the shuffling.

    Returns:
        Samples by the names in `SPLITS`, in the table's order.

    Raises:
        InputError: The shares do not leave patients of both labels on every side.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise InputError(f"split.val={val} split.test={test}: choose shares whose sum is below 1.")
    label_of: dict[str, int] = defaultdict(int)
    for sample in samples:
        label_of[sample.patient_id] = max(label_of[sample.patient_id], int(sample.label or 0))
    generator = np.random.default_rng(seed)
    side_of = {}
    for label in (0, 1):
        patients = sorted(one for one, positive in label_of.items() if positive == label)
        patients = [patients[i] for i in generator.permutation(len(patients))]
        n_test, n_val = round(test * len(patients)), round(val * len(patients))
        if min(n_test, n_val, len(patients) - n_test - n_val) < 1:
            raise InputError(
                f"{len(patients)} patients with label {label} cannot be split into training, "
                f"validation ({val}) and test ({test}): give more samples or change split.*."
            )
        for i, patient in enumerate(patients):
            side_of[patient] = "test" if i < n_test else "val" if i < n_test + n_val else "train"
    return {
        side: [sample for sample in samples if side_of[sample.patient_id] == side]
        for side in SPLITS
    }


def write_splits(path: Path, splits: dict[str, list[Sample]]) -> None:
    """Write the manifest: sample_id, patient_id, split, label, label_source."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["sample_id", "patient_id", "split", "label", "label_source"])
    for side, samples in splits.items():
        for sample in samples:
            table.writerow(
                [sample.sample_id, sample.patient_id, side, sample.label, sample.label_source]
            )
    write_text(path, text.getvalue())
