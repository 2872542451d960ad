"""Tests of the layout of LUNA16: MetaImage files in every orientation, tables in LPS mm."""

import csv
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.phantom import make_phantom
from lungcam.phantom.layouts.layout import Subject
from lungcam.phantom.layouts.luna16 import LUNA16, ORIENTATIONS, SAME_ORDER, write_luna16
from lungcam.scans import check_scan

MATRIX = 64
NS = "{http://www.nih.gov}"


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(3, "malignant", difficulty=0.3, matrix=MATRIX)


@pytest.fixture(scope="module")
def placed(tmp_path_factory, phantom):
    """Return the root of a phantom in every orientation, and the entry of each."""
    root = tmp_path_factory.mktemp("luna16")
    return root, {
        place: write_luna16(
            root,
            Subject(
                index=place, key="key", seed=3, kind="malignant", difficulty=0.3, matrix=MATRIX
            ),
            phantom=phantom,
        )
        for place in range(len(ORIENTATIONS))
    }


@pytest.fixture(params=range(len(ORIENTATIONS)))
def scan(placed, request):
    """Return image, array in the order of the phantom, entry and root."""
    root, entries = placed
    entry = entries[request.param]
    image = sitk.ReadImage(str(root / entry.image))
    return image, upright(image), entry, root


def upright(image: sitk.Image) -> np.ndarray:
    """Return the array with columns to the left, rows to the back and slices to the head."""
    backwards = np.diag(np.reshape(image.GetDirection(), (3, 3))) < 0
    return np.flip(sitk.GetArrayFromImage(image).T, np.flatnonzero(backwards))


def points(entry, table: str) -> np.ndarray:
    """Return LPS mm and value of the rows of a table, shape `(N, 4)`."""
    return np.array([[float(x) for x in row[1:]] for row in entry.rows[table]]).reshape(-1, 4)


def test_flipped_arrays_show_the_same_anatomy(scan, phantom):
    _, volume, _, _ = scan
    assert np.array_equal(volume, phantom.hu)


def test_every_orientation_occurs(placed):
    root, entries = placed
    signs = []
    for entry in entries.values():
        direction = np.reshape(sitk.ReadImage(str(root / entry.image)).GetDirection(), (3, 3))
        assert np.allclose(direction @ direction.T, np.eye(3))
        signs.append(tuple(np.sign(np.diag(direction)).astype(int)))
        oblique = np.abs(direction).max(axis=0).min() < 0.999
        assert oblique == (len(signs) == 4)
    assert set(signs) == {(1, 1, 1), (-1, -1, 1), (1, 1, -1), (-1, -1, -1)}


def test_lungcam_reads_it_like_simpleitk(scan):
    image, _, entry, root = scan
    check, read = check_scan(root / entry.image)
    assert check.usable
    raw = sitk.GetArrayFromImage(image).T
    assert np.array_equal(read.hu, np.where(raw <= -1500, -1024, raw))
    corner = image.TransformContinuousIndexToPhysicalPoint([3.0, 5.0, 7.0])
    assert np.allclose(read.grid.to_world([3, 5, 7]) * [-1, -1, 1], corner, atol=1e-6)


def test_the_annotation_lies_in_the_nodule(scan, phantom):
    image, _, entry, _ = scan
    ((x, y, z, diameter),) = points(entry, "annotations.csv")
    assert diameter == pytest.approx(phantom.diameter_mm)
    assert np.allclose((-x, -y, z), entry.center_mm, atol=1e-5)
    nodule = sitk.GetImageFromArray(np.flip(phantom.nodule, np.flatnonzero(
        np.diag(np.reshape(image.GetDirection(), (3, 3))) < 0)).T.astype(np.uint8))  # fmt: skip
    nodule.CopyInformation(image)
    assert nodule[image.TransformPhysicalPointToIndex((x, y, z))] == 1
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(nodule)
    assert np.allclose(shape.GetCentroid(1), (x, y, z), atol=1e-3)


def test_candidates_hit_the_nodule_or_lie_on_vessels(scan):
    image, _, entry, root = scan
    ((*center, diameter),) = points(entry, "annotations.csv")
    lungs = sitk.ReadImage(str(root / f"seg-lungs-LUNA16/{entry.series_uid}.mhd"))
    rows = points(entry, "candidates_V2.csv")
    assert {0, 1} == set(rows[:, 3])
    for *point, label in rows:
        distance = np.linalg.norm(np.subtract(point, center))
        assert (distance < diameter / 2) == (label == 1)
        if not label:
            index = image.TransformPhysicalPointToIndex(point)
            assert lungs[index] in (3, 4)
            assert image[index] > -600
    excluded = points(entry, "annotations_excluded.csv")
    assert (excluded[:, 3] == -1).all()
    assert all(np.linalg.norm(point - center) > diameter / 2 for point in excluded[:, :3])


def test_the_left_and_the_right_lung_have_labels_of_their_own(scan, phantom):
    image, _, entry, root = scan
    file = root / f"seg-lungs-LUNA16/{entry.series_uid}.mhd"
    assert "CompressedData = True" in file.read_text()
    lungs = sitk.ReadImage(str(file))
    assert lungs.GetDirection() == image.GetDirection()
    volume = upright(lungs)
    assert np.array_equal(np.isin(volume, (3, 4)), phantom.lungs)
    assert np.array_equal(volume == 5, phantom.airway)
    side = {label: np.argwhere(volume == label)[:, 0].mean() for label in (3, 4)}
    # columns grow to the left in LPS
    assert side[3] > side[4]


def test_the_xml_counts_pixels_as_in_upright_slices(placed, phantom):
    root, entries = placed
    middle = np.argwhere(phantom.nodule).mean(axis=0)
    for place, entry in entries.items():
        tree = ET.parse(root / f"lidc-xml/{entry.series_uid}.xml").getroot()
        assert tree.findtext(f"{NS}ResponseHeader/{NS}SeriesInstanceUid") == entry.series_uid
        rois = [roi for roi in tree.iter(f"{NS}roi") if len(roi.findall(f"{NS}edgeMap")) > 1]
        pixels = np.array(
            [
                [int(edge.findtext(f"{NS}xCoord")), int(edge.findtext(f"{NS}yCoord"))]
                for roi in rois
                for edge in roi.findall(f"{NS}edgeMap")
            ]
        )
        center = pixels.min(axis=0) / 2 + pixels.max(axis=0) / 2
        expected = MATRIX - 1 - middle[:2] if place == SAME_ORDER else middle[:2]
        assert np.abs(center - expected).max() < 3
        heights = {float(roi.findtext(f"{NS}imageZposition")) for roi in rois}
        low = phantom.affine[2, 3] + np.argwhere(phantom.nodule)[:, 2].min() * phantom.spacing[2]
        assert min(heights) == pytest.approx(low, abs=1e-5)


def test_headers_have_the_fields_of_a_real_one(placed, sample_data):
    root, entries = placed
    (genuine,) = (sample_data / "luna16").glob("*.mhd")

    def fields(file: Path) -> list[str]:
        return [line.split(" = ")[0] for line in file.read_text().splitlines()]

    for entry in entries.values():
        assert fields(root / entry.image) == fields(genuine)
    assert "AnatomicalOrientation = RAI" in genuine.read_text()
    assert "AnatomicalOrientation = RAI" in (root / entries[0].image).read_text()


def test_metaio_writes_the_same_orientation(scan, tmp_path):
    image, _, entry, root = scan

    def orientation(file: Path) -> str:
        return re.search(r"AnatomicalOrientation = (\w+)", file.read_text())[1]

    sitk.WriteImage(image, str(tmp_path / "again.mhd"))
    assert orientation(root / entry.image) == orientation(tmp_path / "again.mhd")


def test_numbers_and_columns_are_written_as_in_luna16(placed, sample_data):
    for name in ("annotations.csv", "annotations_excluded.csv"):
        with (sample_data / "luna16" / name).open() as stream:
            assert tuple(next(csv.reader(stream))) == LUNA16.tables[name]
    for entry in placed[1].values():
        for row in (*entry.rows["annotations.csv"], *entry.rows["candidates_V2.csv"]):
            assert all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in row[1:])
            assert all(len(cell.lstrip("-").replace(".", "").lstrip("0")) <= 10 for cell in row[1:])


def test_the_subset_is_the_fold(placed):
    for place, entry in placed[1].items():
        assert entry.fold == place
        assert entry.image == f"subset{place}/{entry.series_uid}.mhd"
