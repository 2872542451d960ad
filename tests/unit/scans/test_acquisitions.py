"""Tests of acquisitions that alternate within one series, and of those that follow one another."""

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.scans import check_scan, read_scan

D = 16


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(-1000, 400, (12, 11, D)).astype(np.int16)


@pytest.fixture
def series(tmp_path, volume, write_series):
    """Return a folder and its files in order of position, numbered in this order."""
    return write_series(tmp_path / "series", volume)[2]


def label(files, edit, values, name):
    for number, (file, value) in enumerate(zip(files, values, strict=True)):
        # numbers in order, so that the attribute alone decides
        edit(file, **({"InstanceNumber": number} | {name: value}))


def findings_of(files):
    check, scan = check_scan(files[0].parent)
    assert (scan is None) == bool(check.with_outcome("refused"))
    return {(finding.code, finding.outcome) for finding in check.findings}, check.line


ALTERNATING = {
    "AcquisitionNumber": [1, 2] * 8,
    "StudyInstanceUID": ["1.2.3", "1.2.4"] * 8,
    "FrameOfReferenceUID": ["1.2.3", "1.2.4"] * 8,
    "KVP": [80, 140] * 8,
    "SliceThickness": [1, 5] * 8,
    "TemporalPositionIdentifier": [1, 2, 3, 4] * 4,
    "NominalPercentageOfCardiacPhase": [0, 50] * 8,
    "AcquisitionTime": [f"10{20 * (k % 2):02d}{k:02d}.5" for k in range(D)],
    "ContentTime": [f"10{20 * (k % 2):02d}{k:02d}" for k in range(D)],
    "AcquisitionDateTime": [f"202001011{k % 2}00{k:02d}" for k in range(D)],
    "InstanceNumber": [k // 2 + 100 * (k % 2) for k in range(D)],
}


@pytest.mark.parametrize(("name", "values"), ALTERNATING.items(), ids=ALTERNATING)
def test_acquisitions_that_alternate_are_refused(series, edit, name, values):
    label(series, edit, values, name)
    codes, line = findings_of(series)
    assert codes >= {("mixed_acquisitions", "refused")}
    assert name in line


@pytest.mark.parametrize("values", [[1, 2, 3, 4] * 4, [1] * 8 + [2, 2] + [1] * 6])
def test_several_or_intruding_acquisitions_are_refused(series, edit, values):
    label(series, edit, values, "AcquisitionNumber")
    assert findings_of(series)[0] == {("mixed_acquisitions", "refused")}


RANDOM = np.random.default_rng(1).permutation(D)
CONTIGUOUS = {
    "two blocks": ("AcquisitionNumber", [1] * 7 + [2] * 9),
    "many blocks": ("AcquisitionNumber", [4] * 4 + [3] * 4 + [1] * 4 + [2] * 4),
    "a number for each slice": ("AcquisitionNumber", range(D)),
    "missing in some": ("AcquisitionNumber", [1, ""] * 8),
    "time of each slice": ("AcquisitionTime", [f"1020{k:02d}.5" for k in range(D)]),
    "time of each slice, downwards": ("AcquisitionTime", [f"1020{D - k:02d}.5" for k in range(D)]),
    "one time": ("AcquisitionTime", ["102000"] * D),
    "time of each rotation": ("AcquisitionTime", [f"1020{k // 4:02d}" for k in range(D)]),
    "written in any order": ("ContentTime", [f"1020{k:02d}" for k in RANDOM]),
    "written by two processes": ("ContentTime", [f"1020{k + 3 * (k % 2):02d}" for k in range(D)]),
    "numbered in any order": ("InstanceNumber", RANDOM),
    "thickness from rounded positions": ("SliceThickness", [0.6, 0.7] * 8),
    "frame for each slice": ("FrameOfReferenceUID", [f"1.2.{k}" for k in range(D)]),
}


@pytest.mark.parametrize(("name", "values"), CONTIGUOUS.values(), ids=CONTIGUOUS)
def test_acquisitions_that_make_one_volume_are_read(series, edit, volume, name, values):
    label(series, edit, values, name)
    scan = read_scan(series[0].parent)
    assert scan.warnings == []
    assert np.array_equal(scan.hu, volume)


def test_studies_that_follow_one_another_are_flagged(series, edit):
    label(series, edit, ["1.2.3"] * 8 + ["1.2.4"] * 8, "StudyInstanceUID")
    assert findings_of(series)[0] == {("several_studies", "flagged")}


# --- by the pixels alone ----------------------------------------------------------------------


def write(file, hu):
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    image.SetSpacing((4, 4, 4))
    sitk.WriteImage(image, str(file))


@pytest.mark.parametrize("second", ["another part", "another breath"])
def test_woven_scan_is_detected_by_its_pixels(sample_data, tmp_path, second):
    hu = read_scan(sample_data / "cip" / "ct-64.nrrd").hu
    woven = hu.copy()
    if second == "another part":
        woven[:, :, 1::2] = hu[:, :, ::-1][:, :, 1::2]
    else:
        woven[:, :, 1::2] = np.roll(hu, 1, axis=1)[:, :, 1::2]
    for name, values in (("as it is", hu), ("woven", woven)):
        write(tmp_path / f"{name}.mha", values)
    assert check_scan(tmp_path / "as it is.mha")[0].findings == []
    check, scan = check_scan(tmp_path / "woven.mha")
    assert scan is None
    assert [finding.code for finding in check.findings] == ["alternating_slices"]
