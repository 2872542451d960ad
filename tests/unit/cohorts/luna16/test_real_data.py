"""Genuine tables and headers of LUNA16, and the XML of LIDC-IDRI."""

import csv
import tarfile

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts.lidc import read_readings
from lungcam.cohorts.luna16 import luna16_cohort, read_grid
from lungcam.cohorts.luna16.matching import match_nodules
from lungcam.cohorts.luna16.tables import read_points

GENUINE = "1.3.6.1.4.1.14519.5.2.1.6279.6001.105756658031515062000744821260"


@pytest.fixture(scope="module")
def luna(sample_data):
    folder = sample_data / "luna16"
    if not folder.is_dir():
        pytest.skip(f"no LUNA16 tables at {folder}")
    return folder


def test_all_rows_of_the_tables_are_read(luna):
    nodules = read_points(luna / "annotations.csv", "diameter_mm", valid=lambda mm: mm > 0)
    assert len(nodules.uids) == 1186
    assert nodules.notes == []
    assert nodules.values.min() > 3
    excluded = read_points(
        luna / "annotations_excluded.csv", "diameter_mm", valid=lambda mm: mm != 0
    )
    assert len(excluded.uids) == 35192


def test_the_grid_of_a_genuine_header_is_as_its_text_says(luna):
    grid = read_grid(luna / f"{GENUINE}.mhd")
    assert grid.shape == (512, 512, 121)
    assert np.allclose(grid.to_world((0, 0, 0)), (198.100006, 195, -335.209991))
    assert np.allclose(grid.spacing_mm, (0.76171899, 0.76171899, 2.5))


def test_nodules_of_the_xml_are_at_the_positions_of_luna16(luna, sample_data, tmp_path):
    archive = sample_data / "lidc_idri" / "xml" / "tcia-lidc-xml.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no XML at {archive}")
    with tarfile.open(archive) as tar:
        (tmp_path / "089.xml").write_bytes(tar.extractfile("tcia-lidc-xml/189/089.xml").read())
    reading = read_readings(tmp_path).readings[GENUINE]
    # fewer than 3 readers marked them: LUNA16 lists them as excluded findings
    excluded = read_points(
        luna / "annotations_excluded.csv", "diameter_mm", valid=lambda mm: mm != 0
    )
    index = excluded.of(GENUINE)
    grid = read_grid(luna / f"{GENUINE}.mhd")
    match = match_nodules(
        reading.annotations,
        grid,
        centers_mm=excluded.centers_mm[index],
        diameters_mm=np.full(len(index), 10.0),
    )
    assert len(match.nodules) == 4
    distance = np.linalg.norm(match.centers_mm[:, None] - excluded.centers_mm[index], axis=2)
    assert distance.min(axis=1).max() < 1.3


def test_lidc_idri_0001_is_malignant_in_luna16(luna, lidc_series, tmp_path):
    reader = sitk.ImageSeriesReader()
    (uid,) = reader.GetGDCMSeriesIDs(str(lidc_series))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(lidc_series), uid))
    (tmp_path / "subset3").mkdir()
    sitk.WriteImage(reader.Execute(), str(tmp_path / "subset3" / f"{uid}.mhd"))
    (tmp_path / "annotations.csv").write_bytes((luna / "annotations.csv").read_bytes())
    (nodule,) = luna16_cohort(tmp_path, xml=lidc_series).samples
    assert (nodule.label, nodule.fold, nodule.sample_id) == (1, 3, f"{uid[-12:]}_1")
    assert nodule.label_source.endswith("mean 4.75")
    with (luna / "annotations.csv").open() as stream:
        (row,) = (row for row in csv.DictReader(stream) if row["seriesuid"] == uid)
    x, y, z = (float(row[name]) for name in ("coordX", "coordY", "coordZ"))
    assert nodule.center_mm == (-x, -y, z)
    assert nodule.diameter_mm == float(row["diameter_mm"])
    readings = read_readings(lidc_series).readings
    grid = read_grid(tmp_path / "subset3" / f"{uid}.mhd")
    marks = readings[uid].annotations
    match = match_nodules(
        marks,
        grid,
        centers_mm=np.array([nodule.center_mm]),
        diameters_mm=np.array([nodule.diameter_mm]),
    )
    center = match.centers_mm[match.nodule_of[0]]
    assert np.linalg.norm(center - nodule.center_mm) < 2
    (scan,) = luna16_cohort(tmp_path, unit="scan", xml=lidc_series).samples
    assert (scan.label, scan.center_mm, scan.diameter_mm) == (
        1,
        nodule.center_mm,
        nodule.diameter_mm,
    )
