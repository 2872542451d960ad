"""The collection itself: all its XML files, and the scan of LIDC-IDRI-0001."""

import csv

import nibabel as nib
import numpy as np
import pytest

from lungcam.cohorts.lidc import cluster, lidc_cohort, read_readings
from lungcam.cohorts.lidc.consensus import draw
from lungcam.cohorts.lidc.lesion import place_slices, read_headers
from lungcam.scans import read_scan

# the XML tells no pixel spacing: about the median of the collection's scans stands in for it
PIXEL_MM = (0.7, 0.7)


@pytest.fixture(scope="module")
def collection(sample_data):
    return read_readings(sample_data / "lidc_idri" / "xml" / "tcia-lidc-xml.tar.xz")


@pytest.fixture(scope="module")
def nodules(collection):
    return {uid: cluster(one.annotations, PIXEL_MM) for uid, one in collection.readings.items()}


@pytest.fixture(scope="module")
def luna(sample_data):
    with (sample_data / "luna16" / "annotations.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_all_files_are_read_and_what_is_no_ct_or_repeats_is_skipped(collection):
    series = collection.readings.values()
    assert len(series) == 1018
    assert sum(bool(one.annotations) for one in series) == 883
    # the published 6,859 and one mark of 23 slices, LIDC-IDRI-0101's, that was withdrawn later
    assert sum(len(one.annotations) for one in series) == 6860
    told = " ".join(collection.notes)
    assert "283 XML file(s) of chest X-rays" in told
    assert "17 XML file(s) that repeat 6 series" in told
    assert "damaged" not in told


def test_nodules_are_as_many_as_published(nodules, sample_data):
    every = [one for found in nodules.values() for one in found]
    assert len(every) == pytest.approx(2669, rel=0.002)
    assert sum(len(one.readers) == 4 for one in every) == pytest.approx(928, rel=0.05)
    uids = (sample_data / "luna16" / "seriesuids.csv").read_text().split()
    by_three = [one for uid in uids for one in nodules[uid] if len(one.readers) >= 3]
    assert len(uids) == 888
    # LUNA16 has 1,186
    assert len(by_three) == 1187


def test_each_nodule_of_luna16_is_one_of_these(nodules, luna):
    for row in luna:
        heights = [
            np.mean([mark.center[2] for mark in one.annotations])
            for one in nodules[row["seriesuid"]]
            if len(one.readers) >= 3
        ]
        assert min(abs(z - float(row["coordZ"])) for z in heights) < 4


@pytest.fixture(scope="module")
def reading(lidc_series):
    (found,) = read_readings(lidc_series).readings.values()
    return found


def test_slices_stand_where_the_scan_has_them(lidc_series, reading):
    slices, scan = (
        place_slices(read_headers(lidc_series), reading.series_uid),
        read_scan(lidc_series),
    )
    assert slices.grid.shape == scan.grid.shape
    assert np.allclose(slices.grid.affine, scan.grid.affine)
    for mark in reading.annotations:
        for one in mark.contours:
            assert slices.by_uid(one) == slices.by_height(one) is not None


def test_the_drawn_pixels_are_the_first_outside_and_nothing_is_transposed(lidc_series, reading):
    hu = read_scan(lidc_series).hu
    slices = place_slices(read_headers(lidc_series), reading.series_uid)
    for mark in reading.annotations:
        region = draw(mark.contours, slices.slice_of, shape=hu.shape)
        x, y, z = (np.argwhere(region.mask) + region.start).T
        edge = np.concatenate([hu[(*one.points.T, slices.slice_of(one))] for one in mark.contours])
        inside = hu[x, y, z].mean()
        assert inside > edge.mean() + 300
        assert inside > hu[y, x, z].mean() + 300
        for shift in ((4, 0, 0), (-4, 0, 0), (0, 4, 0), (0, -4, 0), (0, 0, 2), (0, 0, -2)):
            assert inside > hu[x + shift[0], y + shift[1], z + shift[2]].mean()


def test_four_readers_marks_become_one_nodule_where_luna16_has_it(lidc_series, luna, tmp_path):
    found = lidc_cohort(lidc_series.parents[1], tmp_path, features=["spiculation", "readers"])
    (sample,) = found.samples
    assert sample.sample_id == "LIDC-IDRI-0001_1"
    assert sample.label == 1
    assert "malignancy 5, 5, 5, 4 by reader(s) 1, 2, 3, 4, mean 4.75" in sample.label_source
    assert sample.features["readers"] == 4
    (row,) = (row for row in luna if row["seriesuid"] == sample.series_uid)
    lps = [float(row[name]) for name in ("coordX", "coordY", "coordZ")]
    assert np.linalg.norm(np.multiply(lps, (-1, -1, 1)) - sample.center_mm) < 0.5
    assert sample.diameter_mm == pytest.approx(float(row["diameter_mm"]), rel=0.02)
    mask = nib.load(sample.lesion_mask)
    where = nib.affines.apply_affine(mask.affine, np.argwhere(mask.get_fdata() > 0))
    scan = read_scan(lidc_series)
    index = np.rint(scan.grid.to_index(where)).astype(int)
    assert -150 < scan.hu[tuple(index.T)].mean() < 50
