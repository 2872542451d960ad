"""Malignancy from LIDC-IDRI's XML: the right nodule, whatever way the file's axes run."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lungcam.cohorts.luna16 import luna16_cohort

UID = "1.2.3"
SIZE = (60, 50, 12)
RING = np.array([(-3, -3), (0, -4), (3, -3), (4, 0), (3, 3), (0, 4), (-3, 3), (-4, 0)])
# stored voxels of two nodules, off the middle, and what the readers said
NODULES = {(12, 30, 4): (5, 5, 4, 5), (43, 14, 8): (1, 2, 2, 1)}
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
    world = {voxel: one.TransformIndexToPhysicalPoint(voxel) for voxel in NODULES}
    rows = [(UID, *world[voxel], 6) for voxel in NODULES]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    readers = [
        [(NODULES[v][r], outlines(one, v, upright, wider=r % 2)) for v in NODULES] for r in range(4)
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
