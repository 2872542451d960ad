"""Splits give every stratum its share, whatever the strata are."""

from collections import Counter
from pathlib import Path

import pytest

from lungcam.cohorts import Sample
from lungcam.data import SplitRule, split_by_fold, split_by_patient
from lungcam.data.strata import Strata, label_strata, missing_label
from lungcam.errors import InputError


def samples_of(labels: list[int | None]) -> list[Sample]:
    return [
        Sample(
            sample_id=f"s{i}",
            patient_id=f"p{i}",
            image=Path(f"{i}.nii"),
            label=label,
            label_source="",
        )
        for i, label in enumerate(labels)
    ]


COLOURS = Strata(("red", "green", "blue"), lambda sample: sample.label)


def test_each_stratum_has_its_share_in_every_split():
    samples = samples_of([0] * 20 + [1] * 40 + [2] * 60)
    splits = split_by_patient(samples, 0.1, test=0.25, seed=3, strata=COLOURS)
    counts = {name: Counter(sample.label for sample in part) for name, part in splits.items()}
    assert counts["test"] == {0: 5, 1: 10, 2: 15}
    assert counts["val"] == {0: 2, 1: 4, 2: 6}


def test_each_stratum_is_dealt_to_all_folds():
    samples = samples_of([0] * 7 + [1] * 8 + [2] * 9)
    tested = []
    for fold in range(3):
        splits = split_by_fold(samples, 3, fold=fold, val=0.3, seed=0, strata=COLOURS)
        counts = Counter(sample.label for sample in splits["test"])
        assert all(counts[label] in (2, 3) for label in range(3))
        tested += [sample.sample_id for sample in splits["test"]]
    assert sorted(tested) == sorted(sample.sample_id for sample in samples)


def test_a_rare_stratum_is_named():
    samples = samples_of([0] * 20 + [1] * 20 + [2])
    rule = SplitRule(val=0.2, test=0.2)
    with pytest.raises(InputError, match=r"^1 patients with blue cannot be split"):
        rule.split(samples, 0, strata_of=lambda samples: COLOURS)


def test_labels_are_the_strata_by_default():
    samples = samples_of([0, 1, None])
    strata = label_strata(samples)
    assert [strata.number(sample) for sample in samples] == [0, 1, 0]
    assert missing_label(samples) is None
    lack = missing_label(samples[1:])
    assert lack.reason == "1 positive and 0 negative samples are left"
