"""Genuine data: all XML files of the collection, and the scan of LIDC-IDRI-0001."""

import csv

import nibabel as nib
import numpy as np
import pytest

from lungcam.cohorts.lidc import cluster, lidc_cohort, read_readings
from lungcam.cohorts.lidc.consensus import fill_contours
from lungcam.cohorts.lidc.slices import place_slices, read_headers
from lungcam.scans import read_scan

# the XML holds no pixel spacing: about the median of the collection's scans
PIXEL_MM = (0.7, 0.7)


@pytest.fixture(scope="module")
def collection(sample_data):
    return read_readings(sample_data / "lidc_idri" / "xml" / "tcia-lidc-xml.tar.xz")


@pytest.fixture(scope="module")
def nodules(collection):
    return {
        uid: cluster(reading.annotations, PIXEL_MM) for uid, reading in collection.readings.items()
    }


@pytest.fixture(scope="module")
def luna(sample_data):
    with (sample_data / "luna16" / "annotations.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_all_files_are_read_except_chest_x_rays_and_repeats(collection):
    readings = collection.readings.values()
    assert len(readings) == 1018
    assert sum(bool(reading.annotations) for reading in readings) == 883
    # the published 6,859 and a mark of 23 slices in LIDC-IDRI-0101 that was withdrawn later
    assert sum(len(reading.annotations) for reading in readings) == 6860
    notes = " ".join(collection.notes)
    assert "283 XML file(s) of chest X-rays" in notes
    assert "17 XML file(s) that repeat 6 series" in notes
    assert "damaged" not in notes


def test_the_number_of_nodules_is_the_published_one(nodules, sample_data):
    every = [nodule for group in nodules.values() for nodule in group]
    assert len(every) == pytest.approx(2669, rel=0.002)
    assert sum(len(nodule.readers) == 4 for nodule in every) == pytest.approx(928, rel=0.05)
    uids = (sample_data / "luna16" / "seriesuids.csv").read_text().split()
    by_three = [nodule for uid in uids for nodule in nodules[uid] if len(nodule.readers) >= 3]
    assert len(uids) == 888
    # LUNA16 has 1,186
    assert len(by_three) == 1187


def test_each_nodule_of_luna16_is_among_these(nodules, luna):
    for row in luna:
        heights = [
            np.mean([mark.center[2] for mark in nodule.annotations])
            for nodule in nodules[row["seriesuid"]]
            if len(nodule.readers) >= 3
        ]
        assert min(abs(z - float(row["coordZ"])) for z in heights) < 4


@pytest.fixture(scope="module")
def reading(lidc_series):
    (reading,) = read_readings(lidc_series).readings.values()
    return reading


def test_the_grid_equals_the_scans(lidc_series, reading):
    slices = place_slices(read_headers(lidc_series), reading.series_uid)
    scan = read_scan(lidc_series)
    assert slices.grid.shape == scan.grid.shape
    assert np.allclose(slices.grid.affine, scan.grid.affine)
    for mark in reading.annotations:
        for contour in mark.contours:
            assert slices.by_uid(contour) == slices.by_height(contour) is not None


def test_contour_points_are_outside_the_nodule_and_axes_are_not_transposed(lidc_series, reading):
    hu = read_scan(lidc_series).hu
    slices = place_slices(read_headers(lidc_series), reading.series_uid)
    for mark in reading.annotations:
        region = fill_contours(mark.contours, slices.slice_of, shape=hu.shape)
        x, y, z = (np.argwhere(region.mask) + region.start).T
        edge = np.concatenate(
            [hu[(*contour.points.T, slices.slice_of(contour))] for contour in mark.contours]
        )
        inside = hu[x, y, z].mean()
        assert inside > edge.mean() + 300
        assert inside > hu[y, x, z].mean() + 300
        for shift in ((4, 0, 0), (-4, 0, 0), (0, 4, 0), (0, -4, 0), (0, 0, 2), (0, 0, -2)):
            assert inside > hu[x + shift[0], y + shift[1], z + shift[2]].mean()


def test_marks_of_four_readers_become_the_nodule_of_luna16(lidc_series, luna, tmp_path):
    cohort = lidc_cohort(lidc_series.parents[1], tmp_path, features=["spiculation", "readers"])
    (sample,) = cohort.samples
    assert sample.sample_id == "LIDC-IDRI-0001_1"
    assert sample.label == 1
    assert "malignancy 5, 5, 5, 4 by reader(s) 1, 2, 3, 4, mean 4.75" in sample.label_source
    assert sample.features["readers"] == 4
    (row,) = (row for row in luna if row["seriesuid"] == sample.series_uid)
    lps = [float(row[name]) for name in ("coordX", "coordY", "coordZ")]
    assert np.linalg.norm(np.multiply(lps, (-1, -1, 1)) - sample.center_mm) < 0.5
    assert sample.diameter_mm == pytest.approx(float(row["diameter_mm"]), rel=0.02)
    mask = nib.load(sample.lesion_mask)
    world = nib.affines.apply_affine(mask.affine, np.argwhere(mask.get_fdata() > 0))
    scan = read_scan(lidc_series)
    index = np.rint(scan.grid.to_index(world)).astype(int)
    assert -150 < scan.hu[tuple(index.T)].mean() < 50
