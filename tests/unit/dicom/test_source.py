import pytest
from pydicom.uid import UID, generate_uid

from lungcam.dicom import SourceError, source_of
from lungcam.scans import read_scan


def test_slices_without_a_common_study_are_refused(tmp_path, write_series, series, edit):
    scan = series(tmp_path / "scan")
    edit(scan.slices[0].file, StudyInstanceUID=generate_uid())

    with pytest.raises(SourceError, match="StudyInstanceUID"):
        source_of(read_scan(tmp_path / "scan"))
    assert source_of(scan).shares_frame


@pytest.mark.parametrize("frames", ["one per slice", "none"])
def test_slices_without_a_common_frame_of_reference_are_accepted(tmp_path, series, edit, frames):
    series(tmp_path / "scan")
    for file in (tmp_path / "scan").iterdir():
        edit(file, FrameOfReferenceUID=None if frames == "none" else generate_uid())

    scan = read_scan(tmp_path / "scan")
    source = source_of(scan)
    assert not source.shares_frame
    assert UID(source.frame_uid).is_valid
    assert source.frame_uid == source_of(scan).frame_uid
    if frames != "none":
        assert source.frame_uid == scan.slices[0].frame_uid
