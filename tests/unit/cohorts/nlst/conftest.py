"""Small NLST trees: DICOM folders as TCIA gives them, and tables."""

import csv
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

DATES = ("19990102", "20000102", "20010102")


def _write_series(
    root: Path,
    pid: str,
    year: int,
    uid: str,
    slices: int = 12,
    thickness: str | None = "2.5",
    kernel: str = "STANDARD",
    image_type: str = "AXIAL",
    **tags: object,
) -> Path:
    """Write one series of an exam; its headers alone."""
    folder = root / "NLST" / pid / f"01-02-{DATES[year][:4]}-NLST-LSS" / f"{uid}.000000-x"
    folder.mkdir(parents=True)
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = "1.9"
    one.ImageType, one.Modality = ["ORIGINAL", "PRIMARY", image_type], "CT"
    one.PatientID, one.StudyDate = pid, DATES[year]
    one.ClinicalTrialTimePointID = f"T{year}"
    one.ConvolutionKernel = kernel
    if thickness is not None:
        one.SliceThickness = thickness
    one.StudyInstanceUID, one.SeriesInstanceUID = f"1.{pid}.{year}", f"1.{pid}.{year}.{uid}"
    for name, value in tags.items():
        setattr(one, name, value)
    one.save_as(folder / "1-000.dcm", enforce_file_format=True)
    data = (folder / "1-000.dcm").read_bytes()
    for k in range(1, slices):
        (folder / f"1-{k:03d}.dcm").write_bytes(data)
    return folder


def _write_table(file: Path, rows: list[dict[str, object]]) -> None:
    """Write rows; what a row does not name is .N, as SAS has it."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval=".N")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def write_series():
    return _write_series


@pytest.fixture(scope="session")
def write_table():
    return _write_table
