"""No byte of the written files holds data of the patient."""

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from lungcam.dicom import (
    LUNGS,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.scans import read_scan
from lungcam.scans.dicom_header import KEYWORDS

# value of every attribute by its value representation; none occurs by chance
PLANTED = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC"), "Jane4711"),
    **dict.fromkeys(("AE", "CS"), "JANE4711"),
    "PN": "Doe^Jane4711",
    "DA": "19031104",
    "DT": "19031104110347",
    "TM": "034711",
    "AS": "047Y",
    "DS": "4711.4711",
    "IS": "47114711",
    "FL": 4711.5,
    "FD": 4711.5,
    "US": 47114,
    "UI": "1.2.4711.4711.4711",
}
SEARCHED = (b"4711", b"jane", b"doe^", b"19031104", b"047y", b"77.77")


def plant(item: Dataset) -> int:
    """Fill all attributes of the dictionary that do not position or scale a slice."""
    count = 0
    for tag, (kind, many, _, retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        if group in (0, 2, 4, 0x28, 0x7FE0) or group >= 0x5000 or retired or not keyword:
            continue
        if keyword in KEYWORDS or keyword == "SpecificCharacterSet" or kind not in PLANTED:
            continue
        if many in ("1", "1-n"):
            item.add_new(tag, kind, PLANTED[kind])
            count += 1
    person = Dataset()
    person.PatientID = person.PatientName = "Jane4711"
    item.OtherPatientIDsSequence = item.ReferencedPatientSequence = [person]
    block = item.private_block(0x0009, "JANE4711", create=True)
    block.add_new(0x01, "LO", "Jane4711")
    return count


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of the odd values
def test_no_planted_name_date_or_number_is_written(
    tmp_path, write_series, hu, heat, description, caplog, capfd
):
    frame = generate_uid(prefix="1.2.3.")
    uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": frame}
    _, _, files = write_series(tmp_path / "scan", hu, **uids)
    for file in files:
        item = pydicom.dcmread(file)
        assert plant(item) > 1500
        item.save_as(file)
    assert files[0].read_bytes().lower().count(b"jane4711") > 500
    scan = read_scan(tmp_path / "scan")
    caplog.clear()
    caplog.set_level(0)
    source = source_of(scan)
    write_parametric_map(
        tmp_path / "out" / "heatmap.dcm", source, heat=heat, description=description
    )
    write_segmentation(
        tmp_path / "out" / "mask.dcm", source, mask=hu > 0, segment=LUNGS, description=description
    )
    write_heat_slices(tmp_path / "out" / "slices", source, heat=heat, description=description)
    # UIDs are long numbers, which may contain the planted digits by chance
    known = {source.study_uid, source.series_uid, *source.instance_uids, source.frame_uid}
    written = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(written) == 12
    for file in written:
        dataset = pydicom.dcmread(file)
        for keyword in ("FloatPixelData", "PixelData"):
            if keyword in dataset:
                del dataset[keyword]
        known |= {str(item.value) for item in dataset.iterall() if item.VR == "UI"}
        text = file.read_bytes().lower()
        for pixels in ("FloatPixelData", "PixelData"):
            whole = pydicom.dcmread(file)
            if pixels in whole:
                text = text.replace(whole[pixels].value.lower(), b"")
        assert "1.2.4711.4711.4711" not in known
        for uid in known:
            text = text.replace(uid.encode(), b"")
        for word in SEARCHED:
            assert word not in text, (file.name, word)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyID"):
            assert not dataset[keyword].value
        assert dataset.PatientIdentityRemoved == "YES"
    assert "4711" not in caplog.text
    assert capfd.readouterr() == ("", "")
