"""Rules and settings of the LUNA16 cohort."""

import inspect
import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lungcam.cohorts.luna16 import luna16_cohort
from lungcam.config.instantiate import instantiate
from lungcam.config.schema import plain, register_schemas
from lungcam.errors import InputError

CONF = Path(__file__).parents[4] / "conf"
A, B = "1.2.3", "1.2.4"


@pytest.fixture
def root(luna, table, tmp_path):
    luna({A: (0, None), B: (9, None)})
    rows = [(A, 1, 2, -290, 6), (A, -3, 4, -285, 8.5), ("1.2.9", 0, 0, 0, 5), (A, 0, 0, -280, 2)]
    table(tmp_path / "annotations.csv", "diameter_mm", rows)
    table(tmp_path / "candidates_V2.csv", "class", [(A, 1, 2, -290, 1)])
    return tmp_path


def test_a_scan_is_positive_if_it_has_an_annotated_nodule(root):
    cohort = luna16_cohort(root, unit="scan")
    with_nodule, without = cohort.samples
    assert (with_nodule.sample_id, with_nodule.label, with_nodule.fold) == (A, 1, 0)
    assert with_nodule.center_mm == (3, -4, -285)
    assert with_nodule.diameter_mm == 8.5
    assert with_nodule.label_source == "annotations.csv, row 3: the largest of 2"
    assert (without.sample_id, without.label, without.fold) == (B, 0, 9)
    # one or two readers may have marked something
    assert without.diameter_mm is None
    assert "3 mm or more" in cohort.label_rule


def test_annotated_scans_that_are_missing_are_counted(root):
    notes = luna16_cohort(root, unit="scan").notes
    note = "1 of 4 annotations are of 1 scan(s) that are not here, and are left out."
    assert note in notes
    assert any("names no patient" in note for note in notes)
    assert any("part of LIDC-IDRI" in note for note in notes)


def test_every_note_is_a_sentence(root):
    (root / "subset9" / f"{B}.raw").unlink()
    for unit in ("scan", "nodule"):
        for note in luna16_cohort(root, unit=unit).notes:
            assert note.endswith(".")
            assert "\n" not in note


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "lung"}, "unit is 'lung'; set it to"),
        ({"rule": "best"}, "rule is 'best'; set it to"),
        ({"rule": "scan"}, "rule is scan, which is not for the unit nodule; set data.unit to scan"),
        ({"unit": "scan", "rule": "candidate"}, "set data.unit to nodule, or data.rule to null"),
        ({"rule": "malignancy"}, r"no malignancy of its own; set data\.xml"),
        ({"negatives": 0}, "negatives is 0; set it to a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1; set it"),
        ({"statistic": "mode"}, "statistic"),
        ({"benign_below": 4.0}, "benign_below"),
    ],
)
def test_invalid_settings_are_named(root, settings, message):
    with pytest.raises(InputError, match=message):
        luna16_cohort(root, **settings)


WRONG = (1, 1.5, "x", [1], ["x"], {"a": 1}, None, True, float("nan"), "")
RIGHT = {
    "root": ("x",),
    "rule": (None,),
    "xml": (None, "x"),
    "benign_below": (1, 1.5),
    "malignant_above": (),
    "least_readers": (1,),
    "negatives": (1, None),
    "seed": (1,),
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in inspect.signature(luna16_cohort).parameters
        for value in WRONG
        if not any(value is valid or (value == valid) is True for valid in RIGHT.get(key, ()))
        or value is True
    ],
)
def test_a_setting_of_a_wrong_type_is_refused_with_its_key(tmp_path, key, value):
    settings = {"root": tmp_path} | {key: value}
    with pytest.raises(InputError, match=rf"data\.{key}\b") as caught:
        luna16_cohort(**settings)
    assert "\n" not in str(caught.value)


def test_no_note_names_the_folder_of_the_data(root):
    (root / "subset9" / f"{B}.raw").unlink()
    notes = luna16_cohort(root, unit="scan").notes
    assert any(f"the first is subset9/{B}.mhd: " in note for note in notes)
    assert not any(str(root) in note for note in notes)


def test_a_missing_annotation_table_is_named(root):
    (root / "annotations.csv").unlink()
    with pytest.raises(InputError, match=r"no annotations\.csv below or next to it; copy it"):
        luna16_cohort(root)


def test_annotations_without_a_scan_are_refused(root):
    for fold in ("subset0", "subset9"):
        shutil.rmtree(root / fold)
    with pytest.raises(InputError, match=r"no scan <series UID>\.mhd .*unpack"):
        luna16_cohort(root)


def test_the_config_selects_the_unit_by_the_view(root):
    register_schemas()
    for view, count in (("lungs", 2), ("nodule", 1)):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("train", [f"view={view}", "data=luna16", f"data.root='{root}'"])
        cohort = instantiate(plain(config.data), "data")
        assert len(cohort.samples) == count
