"""Candidates: which are kept, and as what."""

import numpy as np
import pytest

from lungcam.cohorts.luna16 import luna16_cohort
from lungcam.errors import InputError

A, B = "1.2.3", "1.2.4"
NODULES = [(A, 0, 0, -290, 6), (B, 10, 5, -280, 20), (B, -10, -5, -280, 4)]
CANDIDATES = [
    (A, 1, 0, -290, 1),  # in A's nodule
    (A, 2, 0, -290, 1),  # in it too
    (A, 0, 9, -290, 0),
    (A, 0, -9, -290, 0),  # in an excluded finding of 10 mm
    (A, 0, -20, -290, 1),  # of class 1, in an excluded finding and no nodule
    (B, 10, 5, -271, 1),  # in the large nodule, and in an excluded finding
    (B, 10, 5, -269, 0),  # on the surface of nothing: 11 mm off
    (B, -10, -5, -281, 0),  # of class 0 and yet in a nodule
    (B, -20, 10, -280, 1),  # of class 1 in no nodule
    ("1.2.9", 0, 0, 0, 1),  # a scan that is not here
]
EXCLUDED = [(A, 0, -12, -290, -1), (A, 0, -20, -290, 3), (B, 10, 5, -274.5, -1)]


@pytest.fixture
def root(luna, table, tmp_path):
    luna({A: (0, None), B: (8, None)})
    table(tmp_path / "annotations.csv", "diameter_mm", NODULES)
    table(tmp_path / "candidates_V2.csv", "class", CANDIDATES)
    table(tmp_path / "annotations_excluded.csv", "diameter_mm", EXCLUDED)
    return tmp_path


def test_each_candidate_is_what_its_place_says(root):
    cohort = luna16_cohort(root)
    found = [(s.sample_id, s.label, s.diameter_mm, s.fold) for s in cohort.samples]
    assert found == [
        (f"{A}_1", 1, 6, 0),
        (f"{A}_2", 1, 6, 0),
        (f"{A}_3", 0, None, 0),
        (f"{B}_1", 1, 20, 8),
        (f"{B}_2", 0, None, 8),
        (f"{B}_4", 1, None, 8),
    ]
    assert cohort.samples[0].center_mm == (-1, 0, -290)
    assert cohort.samples[3].label_source == "candidates_V2.csv, row 7: class 1"
    assert cohort.samples[3].patient_id == cohort.samples[3].series_uid == B
    assert "candidates_V2.csv" in cohort.label_rule


def test_what_is_left_out_is_counted(root):
    notes = luna16_cohort(root).notes
    for told in (
        "2 candidate(s) lie in an excluded finding and are left out.",
        "1 candidate(s) of class 0 lie in a nodule and are left out.",
        "1 positive candidate(s) lie in a nodule that another one hits too: near copies.",
        "1 positive candidate(s) lie in no annotation and have no diameter.",
    ):
        assert told in notes
    assert not any("by lot" in note for note in notes)


def test_without_the_excluded_findings_they_count_and_it_is_told(root):
    (root / "annotations_excluded.csv").unlink()
    cohort = luna16_cohort(root)
    assert len(cohort.samples) == 8
    assert any("no annotations_excluded.csv" in note for note in cohort.notes)


def test_the_older_table_stands_in_and_it_is_told(root):
    (root / "candidates_V2.csv").rename(root / "candidates.csv")
    cohort = luna16_cohort(root)
    assert len(cohort.samples) == 6
    assert any(note.startswith("candidates.csv stands in") for note in cohort.notes)
    assert "candidates.csv" in cohort.label_rule


def test_negatives_are_drawn_by_the_seed(luna, table, tmp_path):
    luna({A: (0, None)})
    table(tmp_path / "annotations.csv", "diameter_mm", [(A, 0, 0, -290, 6)])
    rows = [(A, 0, 0, -290, 1), *((A, 50 + k, 0, -290, 0) for k in range(100))]
    table(tmp_path / "candidates_V2.csv", "class", rows)

    def drawn(**settings):
        return [s.sample_id for s in luna16_cohort(tmp_path, **settings).samples if not s.label]

    assert len(drawn()) == 10
    assert len(drawn(negatives=None)) == 100
    assert drawn() == drawn(seed=0) != drawn(seed=1)
    assert set(drawn(negatives=3)) < set(drawn(negatives=10))
    places = [int(name.rpartition("_")[2]) for name in drawn()]
    assert places == sorted(places)
    assert np.ptp(places) > 20
    notes = luna16_cohort(tmp_path).notes
    assert "90 candidate(s) of class 0 left out by lot: 10 a positive one are kept." in notes


def test_scans_without_a_positive_candidate_are_refused(luna, table, tmp_path):
    luna({"1.2.8": (0, None)})
    table(tmp_path / "annotations.csv", "diameter_mm", NODULES)
    table(tmp_path / "candidates_V2.csv", "class", [("1.2.8", 0, 0, 0, 0)])
    with pytest.raises(InputError, match=r"no candidate of class 1 .*add more"):
        luna16_cohort(tmp_path)
