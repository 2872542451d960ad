"""The cohort of a small LIDC-IDRI tree, against values worked out by hand."""

import inspect
import math
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts.lidc import lidc_cohort
from lungcam.errors import InputError
from lungcam.scans import read_scan

ONE, TWO, QUIET, SILENT = "1.2.10.1", "1.2.10.2", "1.2.10.3", "1.2.10.4"


@pytest.fixture
def root(tmp_path, series, message, mark, roi, ring) -> Path:
    """Write three patients: two series, no nodule, and no reading."""
    tree = tmp_path / "tree"
    first = series(tree / "any name" / "a", ONE, "LIDC-IDRI-9001")
    series(tree / "b", TWO, "LIDC-IDRI-9001")
    series(tree / "c" / "d" / "e", QUIET, "LIDC-IDRI-9002")
    series(tree / "f", SILENT, "LIDC-IDRI-9003")
    series(tree / "xray", "1.2.10.5", "LIDC-IDRI-9002", shape=(40, 32, 1), modality="DX")

    def nodule(malignancy, x0, y0, x1, y1, slices, **ratings):
        # matched by UID alone: the heights are wrong
        return mark(
            [roi(ring(x0, y0, x1, y1), 900, first[k]) for k in slices], malignancy, **ratings
        )

    sessions = [
        [nodule(5, 10, 10, 13, 15, (2, 3), spiculation=5), nodule(2, 30, 20, 33, 23, (5,))],
        [nodule(4, 10, 10, 13, 15, (2, 3), spiculation=2)],
        [nodule(5, 10, 10, 13, 15, (2, 3)), nodule(1, 30, 20, 33, 23, (5,))],
        [nodule(5, 10, 10, 13, 17, (2, 3))],
    ]
    (tree / "b" / "1.xml").write_text(message(ONE, sessions))
    # no UID: one matched by height, 0.4 mm off, and one between two slices
    by_height = [roi(ring(5, 5, 8, 8), 104.4), roi(ring(5, 5, 8, 8), 107)]
    (tree / "b" / "2.xml").write_text(message(TWO, [[mark(by_height, 3)], [], [], []]))
    (tree / "3.xml").write_text(message(QUIET, [[], [], [], []]))
    (tree / "4.xml").write_text(message("1.2.99", [[], [], [], []]))
    (tree / "5.xml").write_text(message("1.2.98", [], root="IdriReadMessage"))
    return tree


def read(root: Path, **settings):
    return lidc_cohort(root, root.parent / "cache", workers=1, **settings)


def test_nodules_are_samples_with_center_diameter_and_label(root):
    samples = read(root).samples
    assert [(sample.sample_id, sample.label) for sample in samples] == [
        ("LIDC-IDRI-9001-2.10.1_1", 1),
        ("LIDC-IDRI-9001-2.10.1_2", 0),
        ("LIDC-IDRI-9001-2.10.2_1", None),
    ]
    big, small, other = samples
    assert {sample.patient_id for sample in samples} == {"LIDC-IDRI-9001"}
    assert (big.series_uid, big.study_uid, big.image) == (ONE, "1.2.3", root / "any name" / "a")
    # readers' centres: column 11.5, row 12.5 (the fourth's 13.5), slice 2.5; LPS to RAS
    center = (20 - 11.5 * 0.5, 10 - 12.75 * 0.75, 100 + 2.5 * 2)
    assert np.allclose(big.center_mm, center)
    voxel = 0.5 * 0.75 * 2

    def sphere(voxels):
        return (6 * voxels * voxel / math.pi) ** (1 / 3)

    assert big.diameter_mm == pytest.approx((3 * sphere(48) + sphere(64)) / 4)
    assert small.diameter_mm == pytest.approx(sphere(16))
    assert np.allclose(other.center_mm, (20 - 6.5 * 0.5, 10 - 6.5 * 0.75, 104))
    assert big.label_source.startswith(
        "1.xml, nodule 1: malignancy 5, 4, 5, 5 by reader(s) 1, 2, 3, 4, mean 4.75; label 1: mean"
    )


def test_a_mask_holds_the_voxels_of_half_of_the_readers_on_the_scans_grid(root):
    big = read(root).samples[0]
    volume = nib.load(big.lesion_mask)
    mask = np.asanyarray(volume.dataobj).astype(bool)
    assert mask.sum() == 48
    grid = read_scan(big.image, whole_chest=False).grid
    world = nib.affines.apply_affine(volume.affine, np.argwhere(mask))
    index = grid.to_index(world)
    assert np.allclose(index, np.rint(index), atol=1e-4)
    assert np.rint(index).min(axis=0).tolist() == [10, 10, 2]
    assert np.rint(index).max(axis=0).tolist() == [13, 15, 3]
    image = sitk.ReadImage(str(big.lesion_mask))
    voxel = image.TransformPhysicalPointToIndex([-big.center_mm[0], -big.center_mm[1], 104.0])
    assert image[voxel] == 1


def test_scans_are_samples_with_their_most_suspicious_nodule(root):
    cohort = read(root, unit="scan", features=["readers", "spiculation"])
    assert [(sample.sample_id, sample.label) for sample in cohort.samples] == [
        ("LIDC-IDRI-9001-2.10.1", 1),
        ("LIDC-IDRI-9001-2.10.2", None),
        ("LIDC-IDRI-9002", 0),
    ]
    first, _, quiet = cohort.samples
    assert first.features == {"readers": 4.0, "spiculation": pytest.approx((5 + 2 + 3 + 3) / 4)}
    assert first.center_mm == read(root).samples[0].center_mm
    assert (quiet.center_mm, quiet.diameter_mm, quiet.lesion_mask) == (None, 0.0, None)
    assert quiet.features == {}
    assert "no nodule of 3 mm or more" in quiet.label_source
    assert cohort.label_rule.startswith("LIDC-IDRI, label 1: a nodule's mean")


def test_nodules_with_too_few_readers_do_not_count_for_a_scan(root):
    by_scan = read(root, unit="scan", least_readers=2)
    assert [sample.label for sample in by_scan.samples] == [1, 0, 0]
    uncounted = by_scan.samples[1]
    assert (uncounted.center_mm, uncounted.diameter_mm) == (None, None)
    by_nodule = read(root, least_readers=3)
    assert [sample.label for sample in by_nodule.samples] == [1, None, None]


def test_notes_count_what_was_left_out_or_replaced(root):
    notes = read(root).notes
    for sentence in (
        "1 XML file(s) of chest X-rays (IdriReadMessage) were skipped.",
        "1 reading(s) are of series that are not here.",
        "1 CT series have no reading and are left out.",
        "1 outline(s) name a slice that is not here and were matched to one by height.",
        "1 outline(s) match no slice and were skipped.",
        "1 nodule(s) have no label by the rule.",
    ):
        assert sentence in notes


def test_a_second_call_reads_no_slice_and_no_contour_again(root):
    # files that have just changed would be read again
    for path in (root, *root.rglob("*")):
        os.utime(path, (1e9, 1e9))
    first = read(root)
    # any file that is opened now would fail
    for file in root.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\0" * file.stat().st_size)
            os.utime(file, (1e9, 1e9))
    assert read(root) == first


def test_only_a_missing_mask_is_written_again(root):
    first = read(root)
    present, missing = (sample.lesion_mask for sample in first.samples[:2])
    content, stamp = missing.read_bytes(), present.stat().st_mtime_ns
    missing.unlink()
    assert read(root) == first
    assert missing.read_bytes() == content
    assert present.stat().st_mtime_ns == stamp


def test_a_changed_reading_changes_the_nodules(root, message):
    read(root)
    (root / "b" / "1.xml").write_text(message(ONE, [[], [], [], []]))
    assert [sample.series_uid for sample in read(root).samples] == [TWO]


def test_damaged_files_in_the_cache_are_replaced(root):
    first = read(root)
    for file in (root.parent / "cache").glob("*.json"):
        file.write_text(file.read_text()[:50])
    assert read(root) == first


def test_a_series_with_faulty_slices_is_named_and_left_out(root):
    slices = sorted((root / "any name" / "a").iterdir())
    slices[3].write_bytes(slices[3].read_bytes()[:700])
    cohort = read(root)
    assert [sample.series_uid for sample in cohort.samples] == [TWO]
    (note,) = (note for note in cohort.notes if "cannot be placed" in note)
    assert note.startswith(f"1 series are left out, since their slices cannot be placed: {ONE} (")


def test_readings_can_be_in_another_folder(root, tmp_path):
    first = read(root)
    elsewhere = tmp_path / "xml"
    elsewhere.mkdir()
    for file in list(root.rglob("*.xml")):
        file.rename(elsewhere / file.name)
    second = read(root, xml=elsewhere)
    assert [(sample.sample_id, sample.label, sample.center_mm) for sample in second.samples] == [
        (sample.sample_id, sample.label, sample.center_mm) for sample in first.samples
    ]
    with pytest.raises(InputError, match=r"there is no LIDC-IDRI reading"):
        read(root)


def test_no_identifying_tag_is_written_to_the_table_or_the_cache(tmp_path, series, message):
    tree = tmp_path / "tree"
    # letters too: digits alone could occur in a time or a digest
    series(tree / "s", ONE, "DOE^JANE-KX4711Q")
    (tree / "1.xml").write_text(message(ONE, [[]]))
    (sample,) = read(tree, unit="scan").samples
    assert sample.patient_id.startswith("patient-")
    assert sample.sample_id == sample.patient_id
    contents = [file.read_bytes() for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert contents
    for part in (b"DOE", b"JANE", b"KX4711Q"):
        assert not any(part in content for content in contents)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"unit": "lobe"}, "unit is 'lobe'; set it to nodule or scan"),
        ({"features": ["malignancy"]}, "malignancy, which is the label; leave it out"),
        ({"features": ["size"]}, "'size'; choose from readers, subtlety"),
        ({"features": "size"}, "'size'; choose from readers, subtlety"),
        ({"statistic": "mode"}, "statistic is 'mode'"),
        ({"xml": "nowhere"}, "nowhere: there is no such file or folder"),
    ],
)
def test_a_wrong_setting_is_named(root, settings, error):
    with pytest.raises(InputError, match=error) as caught:
        read(root, **settings)
    assert "\n" not in str(caught.value)


WRONG = (1, 1.5, "x", [1], ["x"], {"a": 1}, None, True, float("nan"), "")
RIGHT = {
    "xml": (None, "x"),
    "benign_below": (1, 1.5),
    "malignant_above": (),
    "least_readers": (1,),
    "workers": (1, None),
    "root": ("x",),
    "cache": ("x",),
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in inspect.signature(lidc_cohort).parameters
        for value in WRONG
        if not any(value is valid or (value == valid) is True for valid in RIGHT.get(key, ()))
        or value is True
    ],
)
def test_a_setting_of_a_wrong_type_is_refused_with_its_key(tmp_path, key, value):
    settings = {"root": tmp_path, "cache": tmp_path / "cache"} | {key: value}
    with pytest.raises(InputError, match=rf"data\.{key}\b") as caught:
        lidc_cohort(**settings)
    assert "\n" not in str(caught.value)


def test_a_single_word_is_a_list_of_length_1(root):
    for features in ("texture", ["texture"]):
        samples = read(root, features=features).samples
        assert [list(sample.features) for sample in samples] == [
            ["texture"],
            ["texture"],
            ["texture"],
        ]


def test_series_in_a_shared_folder_give_the_same_samples(root):
    separate = read(root).samples
    flat = root / "flat"
    flat.mkdir()
    for folder in (root / "any name" / "a", root / "b"):
        for file in folder.iterdir():
            if file.suffix != ".xml":
                file.rename(flat / f"{folder.name}{file.name}")
    together = read(root)
    assert [(sample.sample_id, sample.label, sample.center_mm) for sample in together.samples] == [
        (sample.sample_id, sample.label, sample.center_mm) for sample in separate
    ]
    assert {sample.image for sample in together.samples} == {flat}


def test_a_series_in_parts_is_named_if_there_is_no_other(tmp_path, series):
    series(tmp_path / "tree" / "p1", ONE, "LIDC-IDRI-9001")
    (tmp_path / "tree" / "p2").mkdir()
    for file in sorted((tmp_path / "tree" / "p1").iterdir())[:3]:
        file.rename(tmp_path / "tree" / "p2" / file.name)
    with pytest.raises(InputError, match=r"no DICOM CT series.* in parts in 2 folders \(p1, p2\)"):
        read(tmp_path / "tree")


def test_a_tree_without_ct_or_without_readings_is_named(root, tmp_path, message):
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=r"void: there is no DICOM CT series; give the folder"):
        read(tmp_path / "void")
    (tmp_path / "void" / "1.xml").write_text(message("1.2.99", []))
    with pytest.raises(InputError, match=r"none of its 4 CT series is among the 1 .*as xml="):
        read(root, xml=tmp_path / "void")


def test_the_config_has_the_settings_of_the_function():
    text = (Path(__file__).parents[4] / "conf" / "data" / "lidc.yaml").read_text()
    keys = [line.partition(":")[0] for line in text.splitlines() if line[0] not in "#_"]
    assert keys == list(inspect.signature(lidc_cohort).parameters)


def test_import_is_light():
    heavy = ("torch", "vtk", "monai", "lightning", "pytorch_lightning")
    code = (
        "import sys, lungcam.cohorts.lidc; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
