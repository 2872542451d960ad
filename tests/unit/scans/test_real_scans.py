"""Tests of scan checks on the public scans in the folder LUNGCAM_SAMPLE_DATA."""

from collections import Counter

import pytest

from lungcam.scans import check_scan
from lungcam.scans.dicom_header import read_header


def codes(path, **settings):
    check, scan = check_scan(path, **settings)
    assert scan is not None, check.line
    return {(finding.code, finding.outcome) for finding in check.findings}


def test_lidc_scan_has_no_fault(lidc_series):
    assert codes(lidc_series) == {("padding", "repaired"), ("stray_file", "skipped")}


def test_lung_pet_ct_dx_scan_has_no_fault(sample_data):
    assert codes(sample_data / "lung_pet_ct_dx" / "Lung_Dx-A0002") == set()


def test_cip_scan_has_no_fault(sample_data):
    assert codes(sample_data / "cip" / "ct-64.nrrd") == set()


def test_nodule_crops_have_no_fault(sample_data):
    counts = Counter()
    files = sorted((sample_data / "lidc_nodules" / "images").iterdir())
    for file in files:
        counts.update(codes(file, whole_chest=False))
    assert len(files) == 665
    assert counts == {}


@pytest.mark.parametrize("removed", [0, 60, 132])
def test_missing_slice_of_a_real_series_is_detected(lidc_series, tmp_path, removed):
    files = sorted(lidc_series.glob("*.dcm"), key=lambda file: read_header(file).position[2])
    for k, file in enumerate(files):
        if k != removed:
            (tmp_path / file.name).symlink_to(file)
    check, _ = check_scan(tmp_path)
    holes = [f.message for f in check.findings if f.code == "missing_slices"]
    if removed == 60:
        (hole,) = holes
        assert files[59].name in hole
        assert files[61].name in hole
    else:
        # a slice missing at an end leaves no gap
        assert holes == []


def test_truncated_slice_of_a_real_series_is_detected(lidc_series, tmp_path):
    for file in sorted(lidc_series.glob("*.dcm")):
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "000007.dcm").unlink()
    content = (lidc_series / "000007.dcm").read_bytes()
    (tmp_path / "000007.dcm").write_bytes(content[:300_000])
    check, scan = check_scan(tmp_path)
    assert scan is None
    (finding,) = check.with_outcome("refused")
    assert finding.code == "truncated_file"
    assert "000007.dcm" in finding.message
