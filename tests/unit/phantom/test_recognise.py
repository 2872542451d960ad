"""Phantoms are recognised where they were made, and nothing else is."""

import json
import shutil

import pytest

from lungcam.phantom import phantom_cohort
from lungcam.phantom.recognise import is_phantom


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return phantom_cohort(tmp_path_factory.mktemp("phantoms"), 4, matrix=64).samples[0].image


def test_a_phantom_lies_with_its_truth(image, tmp_path):
    assert is_phantom(image)
    copy = shutil.copy(image, tmp_path / "scan.nii.gz")
    assert not is_phantom(copy)
    # a JSON of another kind is no truth
    (tmp_path / "scan.json").write_text(json.dumps({"kind": "CT"}))
    assert not is_phantom(copy)
    (tmp_path / "scan.json").write_text("[")
    assert not is_phantom(copy)


def test_all_scans_below_a_tree_of_phantoms_are_recognised(tmp_path):
    series = tmp_path / "tree" / "person-0001" / "1.2" / "1.2.3"
    series.mkdir(parents=True)
    assert not is_phantom(series)
    other = tmp_path / "phantoms" / "person-0001"
    other.mkdir(parents=True)
    (tmp_path / "phantoms" / "truth").mkdir()
    (tmp_path / "phantoms" / "truth" / "settings.json").write_text("{}")
    assert is_phantom(other)
