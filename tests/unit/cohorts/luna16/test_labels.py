"""Candidates: which are kept, and as what.

Malignancy from LIDC-IDRI's XML: the right nodule, whatever way the file's axes run.
"""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

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


UID = "1.2.3"
SIZE = (60, 50, 12)
RING = np.array([(-3, -3), (0, -4), (3, -3), (4, 0), (3, 3), (0, 4), (-3, 3), (-4, 0)])
# stored voxels of two nodules, off the middle, and what the readers said
MALIGNANCY_NODULES = {(12, 30, 4): (5, 5, 4, 5), (43, 14, 8): (1, 2, 2, 1)}
DIRECTIONS = {
    "upright": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "head first": np.diag([1.0, 1.0, -1.0]),
    "all flipped": -np.eye(3),
    "oblique": Rotation.from_euler("xyz", (4, -3, 5), degrees=True).as_matrix(),
    "oblique and flipped": Rotation.from_euler("xyz", (3, 4, -2), degrees=True).as_matrix()
    @ np.diag([-1.0, -1.0, 1.0]),
}


def pixels(one, voxel, upright):
    """Column, row and slice height of a voxel in the DICOM images, by SimpleITK."""
    i, j, k = voxel
    corner = [0, 0, k]
    if upright:
        direction = np.array(one.GetDirection()).reshape(3, 3)
        if direction[0, 0] < 0:
            i, corner[0] = SIZE[0] - 1 - i, SIZE[0] - 1
        if direction[1, 1] < 0:
            j, corner[1] = SIZE[1] - 1 - j, SIZE[1] - 1
    return i, j, one.TransformIndexToPhysicalPoint(corner)[2]


def outlines(one, voxel, upright, wider=0):
    """Three slices of a reader's outline."""
    drawn = []
    for step in (-1, 0, 1):
        i, j, z = pixels(one, (*voxel[:2], voxel[2] + step), upright)
        drawn.append((f"{z:.4f}", RING + np.sign(RING) * wider + (i, j)))
    return drawn


@pytest.mark.parametrize("upright", [False, True], ids=["own order", "LPS order"])
@pytest.mark.parametrize("name", DIRECTIONS)
def test_each_annotation_finds_its_nodule(luna, table, reading, image, tmp_path, name, upright):
    one = image(DIRECTIONS[name])
    luna({UID: (2, one)})
    world = {voxel: one.TransformIndexToPhysicalPoint(voxel) for voxel in MALIGNANCY_NODULES}
    rows = [(UID, *world[voxel], 6) for voxel in MALIGNANCY_NODULES]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    readers = [
        [
            (MALIGNANCY_NODULES[v][r], outlines(one, v, upright, wider=r % 2))
            for v in MALIGNANCY_NODULES
        ]
        for r in range(4)
    ]
    reading(tmp_path / "xml" / "069.xml", UID, readers)
    cohort = luna16_cohort(tmp_path, xml=tmp_path / "xml")
    first, second = cohort.samples
    assert (first.label, second.label) == (1, 0)
    assert (first.sample_id, second.sample_id) == (f"{UID}_1", f"{UID}_2")
    assert first.label_source == (
        "annotations.csv, row 2; 069.xml, malignancy by reader 1: 5, reader 2: 5, reader 3: 4, "
        "reader 4: 5; mean 4.75"
    )
    assert first.fold == 2
    assert "not pathology" in cohort.label_rule
    (scan,) = luna16_cohort(tmp_path, unit="scan", xml=tmp_path / "xml").samples
    x, y, z = world[(12, 30, 4)]
    assert np.allclose(scan.center_mm, (-x, -y, z), atol=1e-6)
    assert (scan.label, scan.diameter_mm) == (1, 6)


@pytest.fixture
def four(luna, table, reading, image, tmp_path):
    """Scans: undecided, benign, without a nodule, without a reading, and one nodule elsewhere."""
    one = image()
    uids = [f"1.2.{k}" for k in range(5)]
    luna({uid: (k, one) for k, uid in enumerate(uids)})
    at = one.TransformIndexToPhysicalPoint((12, 30, 4))
    rows = [(uids[k], *at, 6) for k in (0, 1, 3, 4)]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    drawn = outlines(one, (12, 30, 4), False)
    reading(tmp_path / "xml" / "0.xml", uids[0], [[(3, drawn)], [(3, drawn)]])
    reading(tmp_path / "xml" / "1.xml", uids[1], [[(1, drawn)], [(2, drawn)]])
    reading(tmp_path / "xml" / "2.xml", uids[2], [[], []])
    reading(tmp_path / "xml" / "4.xml", uids[4], [[(5, outlines(one, (43, 14, 8), False))]])
    return tmp_path


def test_what_has_no_label_is_kept_without_one_and_told(four):
    cohort = luna16_cohort(four, xml=four / "xml")
    assert [(s.sample_id, s.label) for s in cohort.samples] == [
        ("1.2.0_1", None),
        ("1.2.1_1", 0),
        ("1.2.3_1", None),
        ("1.2.4_1", None),
    ]
    assert cohort.samples[2].label_source == "annotations.csv, row 4; no reading of LIDC-IDRI"
    assert cohort.samples[3].label_source == "annotations.csv, row 5; 4.xml: no nodule there"
    for told in (
        "1 nodule(s) are left without a label by the rule.",
        "1 scan(s) have no reading in the XML and no label.",
        "1 annotation(s) of LUNA16 hold no nodule of LIDC-IDRI's readers and have no label.",
    ):
        assert told in cohort.notes


def test_a_scan_is_what_its_nodules_are(four, image):
    cohort = luna16_cohort(four, unit="scan", xml=four / "xml")
    assert [(s.label, s.diameter_mm) for s in cohort.samples] == [
        (None, 6),
        (0, 6),
        (0, 0),
        (None, None),
        (1, None),
    ]
    assert "0: each is below 3, or there is no nodule" in cohort.label_rule
    assert cohort.samples[2].center_mm is None
    # the last one's nodule is none of LUNA16's: it stands where the reader drew it
    x, y, z = image().TransformIndexToPhysicalPoint((43, 14, 8))
    assert np.allclose(cohort.samples[4].center_mm, (-x, -y, z), atol=1e-3)
    assert "1 scan(s) are left without a label by the rule." in cohort.notes


def test_fewer_readers_than_asked_for_give_no_label(four):
    found = luna16_cohort(four, unit="scan", xml=four / "xml", least_readers=2).samples
    assert [s.label for s in found] == [None, 0, 0, None, 0]
    assert found[4].label_source == "4.xml: no nodule that 2 reader(s) marked"
    assert found[4].diameter_mm is None
    nodules = luna16_cohort(four, xml=four / "xml", benign_below=2, malignant_above=2).samples
    assert [s.label for s in nodules] == [1, 0, None, None]
