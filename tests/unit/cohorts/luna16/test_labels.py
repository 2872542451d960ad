"""Labels of candidates by class, and of nodules and scans by LIDC-IDRI's readers."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lungcam.cohorts.luna16 import luna16_cohort
from lungcam.errors import InputError

A, B = "1.2.3", "1.2.4"
NODULES = [(A, 0, 0, -290, 6), (B, 10, 5, -280, 20), (B, -10, -5, -280, 4)]
CANDIDATES = [
    (A, 1, 0, -290, 1),  # in A's nodule
    (A, 2, 0, -290, 1),  # in it as well
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


def test_candidates_take_label_and_diameter_from_their_location(root):
    cohort = luna16_cohort(root)
    assert [(s.sample_id, s.label, s.diameter_mm, s.fold) for s in cohort.samples] == [
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


def test_notes_count_the_candidates_left_out(root):
    notes = luna16_cohort(root).notes
    for note in (
        "2 candidate(s) are in an excluded finding and are left out.",
        "1 candidate(s) of class 0 are in a nodule and are left out.",
        "1 positive candidate(s) are in a nodule that another one hits too: near copies.",
        "1 positive candidate(s) are in no annotation and have no diameter.",
    ):
        assert note in notes
    assert not any("at random" in note for note in notes)


def test_without_the_table_of_excluded_findings_all_candidates_count(root):
    (root / "annotations_excluded.csv").unlink()
    cohort = luna16_cohort(root)
    assert len(cohort.samples) == 8
    assert any("no annotations_excluded.csv" in note for note in cohort.notes)


def test_the_older_table_is_used_with_a_note(root):
    (root / "candidates_V2.csv").rename(root / "candidates.csv")
    cohort = luna16_cohort(root)
    assert len(cohort.samples) == 6
    assert any(note.startswith("candidates.csv is used in place of") for note in cohort.notes)
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
    numbers = [int(name.rpartition("_")[2]) for name in drawn()]
    assert numbers == sorted(numbers)
    assert np.ptp(numbers) > 20
    notes = luna16_cohort(tmp_path).notes
    assert "90 candidate(s) of class 0 left out at random: 10 per positive are kept." in notes


def test_scans_without_a_positive_candidate_are_refused(luna, table, tmp_path):
    luna({"1.2.8": (0, None)})
    table(tmp_path / "annotations.csv", "diameter_mm", NODULES)
    table(tmp_path / "candidates_V2.csv", "class", [("1.2.8", 0, 0, 0, 0)])
    with pytest.raises(InputError, match=r"no candidate of class 1 .*add more"):
        luna16_cohort(tmp_path)


UID = "1.2.3"
SIZE = (60, 50, 12)
RING = np.array([(-3, -3), (0, -4), (3, -3), (4, 0), (3, 3), (0, 4), (-3, 3), (-4, 0)])
# stored voxels of two nodules, off the centre, and the readers' ratings
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


def pixels(scan, voxel, upright):
    """Return column, row and slice height of a voxel in the DICOM images, by SimpleITK."""
    i, j, k = voxel
    corner = [0, 0, k]
    if upright:
        direction = np.array(scan.GetDirection()).reshape(3, 3)
        if direction[0, 0] < 0:
            i, corner[0] = SIZE[0] - 1 - i, SIZE[0] - 1
        if direction[1, 1] < 0:
            j, corner[1] = SIZE[1] - 1 - j, SIZE[1] - 1
    return i, j, scan.TransformIndexToPhysicalPoint(corner)[2]


def outlines(scan, voxel, upright, wider=0):
    """Return a reader's outline on three slices."""
    contours = []
    for step in (-1, 0, 1):
        i, j, z = pixels(scan, (*voxel[:2], voxel[2] + step), upright)
        contours.append((f"{z:.4f}", RING + np.sign(RING) * wider + (i, j)))
    return contours


@pytest.mark.parametrize("upright", [False, True], ids=["own order", "LPS order"])
@pytest.mark.parametrize("name", DIRECTIONS)
def test_annotations_match_nodules_in_any_axis_order(
    luna, table, reading, image, tmp_path, name, upright
):
    scan = image(DIRECTIONS[name])
    luna({UID: (2, scan)})
    world = {voxel: scan.TransformIndexToPhysicalPoint(voxel) for voxel in MALIGNANCY_NODULES}
    rows = [(UID, *world[voxel], 6) for voxel in MALIGNANCY_NODULES]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    readers = [
        [
            (MALIGNANCY_NODULES[v][r], outlines(scan, v, upright, wider=r % 2))
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
def scans(luna, table, reading, image, tmp_path):
    """Write scans: undecided, benign, no nodule, no reading, and a nodule elsewhere."""
    scan = image()
    uids = [f"1.2.{k}" for k in range(5)]
    luna({uid: (k, scan) for k, uid in enumerate(uids)})
    point = scan.TransformIndexToPhysicalPoint((12, 30, 4))
    rows = [(uids[k], *point, 6) for k in (0, 1, 3, 4)]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    contours = outlines(scan, (12, 30, 4), False)
    reading(tmp_path / "xml" / "0.xml", uids[0], [[(3, contours)], [(3, contours)]])
    reading(tmp_path / "xml" / "1.xml", uids[1], [[(1, contours)], [(2, contours)]])
    reading(tmp_path / "xml" / "2.xml", uids[2], [[], []])
    reading(tmp_path / "xml" / "4.xml", uids[4], [[(5, outlines(scan, (43, 14, 8), False))]])
    return tmp_path


def test_nodules_without_a_label_are_kept_with_a_note(scans):
    cohort = luna16_cohort(scans, xml=scans / "xml")
    assert [(s.sample_id, s.label) for s in cohort.samples] == [
        ("1.2.0_1", None),
        ("1.2.1_1", 0),
        ("1.2.3_1", None),
        ("1.2.4_1", None),
    ]
    assert cohort.samples[2].label_source == "annotations.csv, row 4; no reading of LIDC-IDRI"
    assert cohort.samples[3].label_source == "annotations.csv, row 5; 4.xml: no nodule there"
    for note in (
        "1 nodule(s) are left without a label by the rule.",
        "1 scan(s) have no reading in the XML and no label.",
        "1 annotation(s) of LUNA16 contain no nodule of LIDC-IDRI's readers and have no label.",
    ):
        assert note in cohort.notes


def test_a_scan_is_labelled_by_its_nodules(scans, image):
    cohort = luna16_cohort(scans, unit="scan", xml=scans / "xml")
    assert [(s.label, s.diameter_mm) for s in cohort.samples] == [
        (None, 6),
        (0, 6),
        (0, 0),
        (None, None),
        (1, None),
    ]
    assert "0: each is below 3, or there is no nodule" in cohort.label_rule
    assert cohort.samples[2].center_mm is None
    # LUNA16 does not annotate the last scan's nodule: its centre is the reader's
    x, y, z = image().TransformIndexToPhysicalPoint((43, 14, 8))
    assert np.allclose(cohort.samples[4].center_mm, (-x, -y, z), atol=1e-3)
    assert "1 scan(s) are left without a label by the rule." in cohort.notes


def test_nodules_with_too_few_readers_have_no_label(scans):
    samples = luna16_cohort(scans, unit="scan", xml=scans / "xml", least_readers=2).samples
    assert [s.label for s in samples] == [None, 0, 0, None, 0]
    assert samples[4].label_source == "4.xml: no nodule that 2 reader(s) marked"
    assert samples[4].diameter_mm is None
    nodules = luna16_cohort(scans, xml=scans / "xml", benign_below=2, malignant_above=2).samples
    assert [s.label for s in nodules] == [1, 0, None, None]
