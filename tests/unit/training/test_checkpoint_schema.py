"""The schema of a checkpoint's metadata; tests/attacks tries wrong values of every field."""

from pathlib import Path

import pytest

from lungcam.errors import InputError
from lungcam.training.checkpoint_schema import check_schema

FILE = Path("a.ckpt")


def metadata(**changes):
    config = {
        "model": {"_target_": "lungcam.nets.Small3D"},
        "transforms": {},
        "explain": {"layer": "conv3"},
    }
    return {"label_rule": "label 1: x", "config": config | changes}


def test_the_metadata_of_the_first_version_are_accepted():
    check_schema(FILE, metadata())
    check_schema(FILE, metadata(view={"shape": [16, 16, 16], "spacing_mm": 5.0}))
    check_schema(FILE, metadata() | {"threshold": None, "calibration": None, "explanation": None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view": {"shape": [16, 16]}}, "config.view.shape is [16, 16], not three numbers"),
        ({"view": {"shape": [4096] * 3}}, "config.view.shape has 68719476736 voxels"),
        ({"table": {"paths": []}}, "config.table is {'paths': []}, not a dict of columns"),
        ({"model": {"_target_": "a.b", "width": 10**6}}, "config.model.width is 1e+06, more than"),
        ({"model": {"_target_": "a.b", "x": object}}, "config.model.x is of type type, not plain"),
        ({"model": {"_target_": "a.b", "x": "a" * 10_001}}, "is a text of 10001 letters"),
        ({"task": "\x1b[31m"}, ""),
        ({"task": 7}, "config.task is 7, not the name of a task"),
        ({"explain": {"layer": "a\nb" * 100, "method": ["\x1b"]}}, r"is ['\x1b'], not a text"),
        ({"model": {"_target_": "a.b", "x": [list(range(1000))] * 200}}, "is too large"),
    ],
)
def test_the_first_wrong_value_is_named_in_one_line(changes, message):
    if not message:
        check_schema(FILE, metadata(**changes))
        return
    with pytest.raises(InputError) as caught:
        check_schema(FILE, metadata(**changes))
    assert str(caught.value).startswith("a.ckpt: ")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
