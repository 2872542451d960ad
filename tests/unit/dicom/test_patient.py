"""`dicom.patient=keep`: results carry the patient and the study of the scan, and nothing else."""

import pydicom
import pytest
from pydicom.dataset import Dataset

from lungcam.dicom import (
    LUNGS,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.scans import read_scan

PATIENT = {
    "PatientName": "Müller^Jörg",
    "PatientID": "4711",
    "PatientBirthDate": "19310411",
    "PatientSex": "M",
    "PatientAge": "068Y",
    "AccessionNumber": "A17",
    "StudyID": "S3",
    "StudyDate": "19990102",
    "StudyTime": "101500",
    "ReferringPhysicianName": "Doe^Jane",
    "StudyDescription": "Thorax",
}


@pytest.fixture
def folder(tmp_path, write_series, hu):
    """Folder of a series in Latin-1 with a patient, an institution and a private element."""
    _, _, files = write_series(tmp_path / "scan", hu, StudyInstanceUID="1.2.3.4")
    for file in files:
        item = pydicom.dcmread(file)
        item.SpecificCharacterSet = "ISO_IR 100"
        item.update(PATIENT)
        item.InstitutionName, item.StationName = "ClinicQzx", "RoomQzx"
        item.private_block(0x0009, "XQzx", create=True).add_new(0x01, "LO", "Qzx")
        item.save_as(file)
    return tmp_path / "scan"


def written(source, folder, *, heat, hu, description) -> list[Dataset]:
    write_parametric_map(folder / "heatmap.dcm", source, heat=heat, description=description)
    write_segmentation(
        folder / "mask.dcm", source, mask=hu > 0, segment=LUNGS, description=description
    )
    write_heat_slices(folder / "slices", source, heat=heat, description=description)
    return [pydicom.dcmread(file) for file in sorted(folder.rglob("*.dcm"))]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of odd values
def test_patient_and_study_are_kept_and_nothing_else(tmp_path, folder, hu, heat, description):
    scan = read_scan(folder)
    kept = source_of(scan, keep_patient=True)
    results = written(kept, tmp_path / "kept", heat=heat, hu=hu, description=description)
    for item in results:
        for keyword, value in PATIENT.items():
            assert str(item.get(keyword)) == value, keyword
        assert "PatientIdentityRemoved" not in item
        assert "Qzx" not in str(item)
    empty = source_of(scan)
    others = written(empty, tmp_path / "empty", heat=heat, hu=hu, description=description)
    for item, other in zip(results, others, strict=True):
        assert not other.PatientName
        assert other.PatientIdentityRemoved == "YES"
        # an archive that holds one of them takes the other
        assert item.SOPInstanceUID != other.SOPInstanceUID
        assert item.SeriesInstanceUID != other.SeriesInstanceUID
        assert item.StudyInstanceUID == other.StudyInstanceUID == "1.2.3.4"
