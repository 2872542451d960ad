"""Tests of padding: it becomes air, possible tissue stays."""

import numpy as np
import pytest

from lungcam.scans import check_scan, read_scan


@pytest.fixture
def round_view(hu):
    """Return HU and the voxels outside an elliptical field of view."""
    x, y = np.indices(hu.shape[:2])
    outside = ((x - 5.5) / 6.2) ** 2 + ((y - 5) / 5.7) ** 2 > 1
    return hu, np.repeat(outside[:, :, None], hu.shape[2], axis=2)


@pytest.mark.parametrize("low", [-1500, -2000, -2048, -3024, -32768])
def test_low_values_become_air(tmp_path, round_view, write_series, low):
    hu, outside = round_view
    write_series(tmp_path, np.where(outside, low, hu).astype(np.int16), rescale=((1, 0),))
    scan = read_scan(tmp_path)
    assert np.array_equal(scan.hu, np.where(outside, -1024, hu))
    (finding,) = scan.check.findings
    assert (finding.code, finding.outcome) == ("padding", "repaired")
    assert f"lowest {low}" in finding.message
    assert f"{outside.sum()} voxels" in finding.message


@pytest.mark.parametrize(
    ("signed", "stored"), [(1, -3000), (0, 65535), (0, 8000), (1, 20000), (0, 10)]
)
def test_padding_value_that_cannot_be_tissue_becomes_air(
    tmp_path, round_view, write_series, signed, stored
):
    hu, outside = round_view
    rescale = ((1, -1024),)
    padded = np.where(outside, np.int64(stored) - 1024, hu).astype(np.int64)
    expected = np.where(outside, -1024, np.where(hu == stored - 1024, -1024, hu))
    write_series(
        tmp_path,
        # beyond int16 the stored value wraps around, as in a file
        padded,
        rescale=rescale,
        PixelRepresentation=signed,
        PixelPaddingValue=stored,
    )
    assert np.array_equal(read_scan(tmp_path).hu, expected)


def test_padding_value_within_tissue_becomes_air_if_all_corners_hold_it(
    tmp_path, round_view, write_series
):
    hu, outside = round_view
    padded = np.where(outside, 0, hu).astype(np.int16)
    padded[6, 5] = 0  # a true zero within the body
    write_series(tmp_path / "a", padded, PixelPaddingValue=1024)
    scan = read_scan(tmp_path / "a")
    assert (scan.hu[outside & (scan.hu != 0)] == -1024).all()
    assert (scan.hu[[0, 0, -1, -1], [0, -1, 0, -1]] == -1024).all()
    assert (scan.hu[6, 5] == 0).all()
    assert [finding.code for finding in scan.check.findings] == ["padding"]

    padded[0, 0, 3] = -1000
    write_series(tmp_path / "b", padded, PixelPaddingValue=1024)
    assert np.array_equal(read_scan(tmp_path / "b").hu, padded)


def test_padding_value_without_voxels_changes_nothing(tmp_path, hu, write_series):
    write_series(tmp_path, hu, PixelPaddingValue=63536, PixelRepresentation=0)
    check, scan = check_scan(tmp_path)
    assert check.findings == []
    assert np.array_equal(scan.hu, hu)
