"""Which column holds what: usual names, own names, and what is said of a wrong one."""

from pathlib import Path

import pytest

from lungcam.cohorts.table import choose_columns
from lungcam.cohorts.table.columns import USUAL
from lungcam.errors import InputError

FILE = Path("scans.csv")


def refusal(present, wanted, **options) -> str:
    with pytest.raises(InputError) as error:
        choose_columns(FILE, present, wanted=wanted, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_usual_names():
    present = ["coordZ", "coordY", "coordX", "pid", "seriesuid", "image", "malignancy", "fold"]
    assert choose_columns(FILE, present, wanted={}) == {
        "image": "image",
        "sample_id": None,
        "patient_id": "pid",
        "study_uid": None,
        "series_uid": "seriesuid",
        "label": "malignancy",
        "center": ("coordX", "coordY", "coordZ"),
        "diameter_mm": None,
        "mask": None,
        "fold": "fold",
        "time_days": None,
        "event": None,
    }


def test_the_first_usual_name_goes_before_the_next():
    chosen = choose_columns(FILE, ["malignancy", "label", "pid", "patient_id", "image"], wanted={})
    assert (chosen["label"], chosen["patient_id"]) == ("label", "patient_id")


def test_two_of_three_coordinates_are_no_centre():
    assert choose_columns(FILE, ["image", "coordX", "coordY"], wanted={})["center"] is None


def test_own_names_go_before_the_usual_ones():
    present = ["image", "path", "x", "y", "z", "coordX", "coordY", "coordZ"]
    wanted = dict.fromkeys(USUAL) | {"image": "path", "center": ["x", "y", "z"]}
    chosen = choose_columns(FILE, present, wanted=wanted)
    assert (chosen["image"], chosen["center"]) == ("path", ("x", "y", "z"))


def test_a_wanted_column_that_is_missing_is_named_with_what_there_is():
    told = refusal(["image", "label"], {"label": "cancer"})
    assert told == (
        "scans.csv: there is no column cancer (data.columns.label); it has image, label."
    )
    told = refusal(["image", "x", "y"], {"center": ["x", "y", "z"]})
    assert told.startswith("scans.csv: there is no column")
    assert "data.columns.center" in told


def test_without_an_image_nothing_can_be_read():
    told = refusal(["scan", "label"], {})
    assert told.startswith("scans.csv: there is no column `image`")
    assert "data.columns.image" in told


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"diagnosis": "x"}, "data.columns.diagnosis: no such name; it takes image, sample_id"),
        ({"center": "image"}, "data.columns.center=image: name three columns"),
        ({"center": ["image", "image"]}, "name three columns"),
        ({"label": ["image"]}, "name one column"),
        ({"label": ["image", "image", "image"]}, "name one column"),
    ],
)
def test_a_wrong_setting_is_named(wanted, says):
    assert says in refusal(["image"], wanted)


def test_a_trained_net_needs_only_the_image():
    present = ["image"]
    wanted = {"label": "diagnosis", "center": ["x", "y", "z"], "patient_id": "who"}
    chosen = choose_columns(FILE, present, wanted=wanted, lenient=True)
    assert chosen == dict.fromkeys(USUAL) | {"image": "image"}


def test_a_trained_net_takes_the_usual_image_where_the_trainings_own_is_missing():
    chosen = choose_columns(FILE, ["image"], wanted={"image": "path"}, lenient=True)
    assert chosen["image"] == "image"


def test_a_trained_net_takes_no_other_column_for_its_label():
    """Another column of 0 and 1 may mean something else."""
    chosen = choose_columns(FILE, ["image", "label"], wanted={"label": "diagnosis"}, lenient=True)
    assert chosen["label"] is None
