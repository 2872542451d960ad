"""Fixtures that write small NLST trees: DICOM folders as from TCIA, and tables."""

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
    """Write one series of an exam, headers only."""
    folder = root / "NLST" / pid / f"01-02-{DATES[year][:4]}-NLST-LSS" / f"{uid}.000000-x"
    folder.mkdir(parents=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.9"
    dataset.ImageType, dataset.Modality = ["ORIGINAL", "PRIMARY", image_type], "CT"
    dataset.PatientID, dataset.StudyDate = pid, DATES[year]
    dataset.ClinicalTrialTimePointID = f"T{year}"
    dataset.ConvolutionKernel = kernel
    if thickness is not None:
        dataset.SliceThickness = thickness
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.{pid}.{year}", f"1.{pid}.{year}.{uid}"
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(folder / "1-000.dcm", enforce_file_format=True)
    data = (folder / "1-000.dcm").read_bytes()
    for k in range(1, slices):
        (folder / f"1-{k:03d}.dcm").write_bytes(data)
    return folder


def _write_table(file: Path, rows: list[dict[str, object]]) -> None:
    """Write rows; columns missing in a row are .N, as in SAS."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval=".N")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def write_series():
    """Return a function that writes a series of an exam."""
    return _write_series


@pytest.fixture(scope="session")
def write_table():
    """Return a function of (file, rows) that writes a table."""
    return _write_table
