"""Choice of columns: default names, the user's names, and wrong names."""

from pathlib import Path

import pytest

from lungcam.cohorts.table import choose_columns
from lungcam.cohorts.table.columns import DEFAULT_COLUMNS
from lungcam.errors import InputError

FILE = Path("scans.csv")


def refusal(header, columns, **options) -> str:
    with pytest.raises(InputError) as error:
        choose_columns(FILE, header, columns=columns, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_default_columns_are_chosen():
    header = ["coordZ", "coordY", "coordX", "pid", "seriesuid", "image", "malignancy", "fold"]
    assert choose_columns(FILE, header, columns={}) == {
        "image": "image",
        "sample_id": None,
        "patient_id": "pid",
        "study_uid": None,
        "series_uid": "seriesuid",
        "label": "malignancy",
        "center": ("coordX", "coordY", "coordZ"),
        "diameter_mm": None,
        "mask": None,
        "segment": None,
        "lungs_mask": None,
        "lungs_segment": None,
        "scan_time": None,
        "fold": "fold",
        "time_days": None,
        "event": None,
        "number": None,
    }


def test_the_first_default_column_is_preferred():
    chosen = choose_columns(FILE, ["malignancy", "label", "pid", "patient_id", "image"], columns={})
    assert (chosen["label"], chosen["patient_id"]) == ("label", "patient_id")


def test_two_of_three_coordinates_are_no_centre():
    assert choose_columns(FILE, ["image", "coordX", "coordY"], columns={})["center"] is None


def test_the_users_columns_are_preferred_to_the_defaults():
    header = ["image", "path", "x", "y", "z", "coordX", "coordY", "coordZ"]
    columns = dict.fromkeys(DEFAULT_COLUMNS) | {"image": "path", "center": ["x", "y", "z"]}
    chosen = choose_columns(FILE, header, columns=columns)
    assert (chosen["image"], chosen["center"]) == ("path", ("x", "y", "z"))


def test_a_missing_column_is_named_with_the_existing_ones():
    message = refusal(["image", "label"], {"label": "cancer"})
    assert message == (
        "scans.csv: there is no column cancer (data.columns.label); it has image, label."
    )
    message = refusal(["image", "x", "y"], {"center": ["x", "y", "z"]})
    assert message.startswith("scans.csv: there is no column")
    assert "data.columns.center" in message


def test_a_misspelt_column_is_answered_with_the_nearest():
    message = refusal(["image", "lable"], {"label": "label"})
    assert message.endswith("it has image, lable. Did you mean lable?")
    assert refusal(["imgae"], {}).endswith(" Did you mean imgae?")
    assert refusal(["image"], {"lable": "x"}).endswith(" Did you mean label?")


def test_inference_names_no_key_of_a_training():
    with pytest.raises(InputError) as caught:
        choose_columns(FILE, ["scan"], columns={"image": "path"}, lenient=True)
    assert "call it path" in str(caught.value)
    assert "data.columns" not in str(caught.value)


def test_a_table_without_images_is_refused():
    message = refusal(["scan", "label"], {})
    assert message.startswith("scans.csv: there is no column `image`")
    assert "data.columns.image" in message


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"diagnosis": "x"}, "data.columns.diagnosis: no such name; it takes image, sample_id"),
        ({"center": "image"}, "data.columns.center=image: name three columns"),
        ({"center": ["image", "image"]}, "name three columns"),
        ({"label": ["image"]}, "name one column"),
        ({"label": ["image", "image", "image"]}, "name one column"),
    ],
)
def test_a_wrong_setting_is_named(columns, message):
    assert message in refusal(["image"], columns)


def test_a_trained_net_requires_the_image_only():
    header = ["image"]
    columns = {"label": "diagnosis", "center": ["x", "y", "z"], "patient_id": "who"}
    chosen = choose_columns(FILE, header, columns=columns, lenient=True)
    assert chosen == dict.fromkeys(DEFAULT_COLUMNS) | {"image": "image"}


def test_a_trained_net_uses_the_default_image_column_if_the_users_is_missing():
    chosen = choose_columns(FILE, ["image"], columns={"image": "path"}, lenient=True)
    assert chosen["image"] == "image"


def test_a_trained_net_uses_no_other_column_for_its_label():
    # another column of 0 and 1 may mean something else
    chosen = choose_columns(FILE, ["image", "label"], columns={"label": "diagnosis"}, lenient=True)
    assert chosen["label"] is None
