"""Earlier results of a scan: read, or refused in a line that names their folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.inference.prior_results import read_priors, refuse_other_scans
from lungcam.scans import Scan

RECORD = {
    "scan": "chest",
    "series_uid": None,
    "probability": 0.25,
    "label": 0,
    "label_rule": "label 1: malignant",
    "explanation": {"method": "gradcam"},
    "heatmap_peak_ras_mm": [10.0, 20.0, 30.0],
    "checkpoint_sha256": "abcdef0123456789",
}


def write(folder: Path, **changes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prediction.json").write_text(json.dumps(RECORD | changes))
    return str(folder)


def scan(series_uid=None) -> Scan:
    grid = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]))
    hu = np.zeros(grid.shape, np.int16)
    return Scan(name="x", source=Path("x"), hu=hu, grid=grid, series_uid=series_uid)


def test_a_result_is_read_from_its_folder_or_from_that_of_all_scans(tmp_path):
    write(tmp_path / "out" / "chest")
    several = [{"name": "a"}, {"name": "b"}]
    other = write(tmp_path / "other", nets=several, heatmap_peak_ras_mm=None)
    first, second = read_priors([str(tmp_path / "out"), other], "chest")
    assert first.as_record([10.0, 20.0, 42.0]) == {
        "nets": "sha256 abcdef012345",
        "label_rule": "label 1: malignant",
        "method": "gradcam",
        "probability": 0.25,
        "label": 0,
        "peak_ras_mm": [10.0, 20.0, 30.0],
        "peaks_apart_mm": 12.0,
    }
    assert second.nets == "a, b"
    assert second.as_record([1.0, 2.0, 3.0])["peaks_apart_mm"] is None
    refuse_other_scans([first, second], scan(), name="chest")


@pytest.mark.parametrize(
    ("changes", "uid"),
    [
        ({"scan": "another"}, None),
        ({"scan": "another"}, "1.2"),
        ({"series_uid": "1.3"}, "1.2"),
        ({"heatmap_peak_ras_mm": [10.0, 20.0, 99.0]}, None),
    ],
)
def test_the_result_of_another_scan_is_refused(tmp_path, changes, uid):
    priors = read_priors([write(tmp_path, **changes)], "chest")
    with pytest.raises(InputError, match=r"prior=.*: this is the result of another scan"):
        refuse_other_scans(priors, scan(uid), name="chest")


def test_a_series_is_known_under_another_name(tmp_path):
    priors = read_priors([write(tmp_path, scan="another", series_uid="1.2")], "chest")
    refuse_other_scans(priors, scan("1.2"), name="chest")


@pytest.mark.parametrize(
    "changes",
    [
        {"heatmap_peak_ras_mm": [1.0, 2.0]},
        {"heatmap_peak_ras_mm": "here"},
        {"heatmap_peak_ras_mm": [1.0, 2.0, float("nan")]},
        {"probability": "high"},
        {"probability": float("inf")},
        {"explanation": None},
        {"label_rule": 3},
        {"checkpoint_sha256": None},
        {"nets": [{"name": ["a"]}]},
        {"series_uid": 12},
    ],
)
def test_a_damaged_result_is_refused(tmp_path, changes):
    folder = write(tmp_path, **changes)
    with pytest.raises(InputError, match=r"prediction\.json: it is damaged"):
        read_priors([folder], "chest")


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b" " * (5 << 20)])
def test_a_file_that_is_no_result_is_refused(tmp_path, content):
    (tmp_path / "prediction.json").write_bytes(content)
    with pytest.raises(InputError, match=r"prediction\.json: it is damaged"):
        read_priors([str(tmp_path)], "chest")


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"prior=.*: there is no prediction\.json of chest"):
        read_priors([str(tmp_path)], "chest")
