"""Tests of the layout of LIDC-IDRI: DICOM slices and the XML of four readers."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from lungcam.cohorts.sample import Sample
from lungcam.phantom import Phantom, make_phantom
from lungcam.phantom.layouts import write_layout

NS = {"l": "http://www.nih.gov"}
RATINGS = (
    *("subtlety", "internalStructure", "calcification", "sphericity", "margin", "lobulation"),
    *("spiculation", "texture", "malignancy"),
)


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> list[tuple[Sample, Phantom]]:
    root = tmp_path_factory.mktemp("lidc") / "tree"
    samples = write_layout(root, "lidc", n=4, seed=7, difficulty=0.3, matrix=80, workers=1)
    return [(sample, phantom_of(sample)) for sample in samples]


def phantom_of(sample: Sample) -> Phantom:
    """Return the phantom that the label source of a sample names."""
    seed, kind = re.fullmatch(
        r"phantom of seed (\d+), drawn as (\w+)", sample.label_source
    ).groups()
    return make_phantom(int(seed), kind, difficulty=0.3, matrix=80)


def xml_of(sample: Sample) -> ET.Element:
    (file,) = sample.image.glob("*.xml")
    return ET.parse(file).getroot()


def texts(parent: ET.Element, path: str) -> list[str]:
    return [element.text for element in parent.findall(path, NS)]


def enclosed(nodule: ET.Element, phantom: Phantom) -> np.ndarray:
    """Return the mask inside a reader's outlines, by flooding each from outside."""
    mask = np.zeros(phantom.hu.shape, bool)
    for roi in nodule.findall("l:roi", NS):
        edge = np.zeros(phantom.hu.shape[:2], bool)
        edge[
            [int(x) for x in texts(roi, "l:edgeMap/l:xCoord")],
            [int(y) for y in texts(roi, "l:edgeMap/l:yCoord")],
        ] = True
        z = float(roi.findtext("l:imageZposition", namespaces=NS))
        k = round((z - phantom.affine[2, 3]) / phantom.affine[2, 2])
        mask[:, :, k] |= ndimage.binary_fill_holes(edge) & ~edge
        assert roi.findtext("l:inclusion", namespaces=NS) == "TRUE"
    return mask


def rated(root: ET.Element) -> list[ET.Element]:
    """Return the marks of nodules of 3 mm or more."""
    marks = root.findall("l:readingSession/l:unblindedReadNodule", NS)
    return [mark for mark in marks if mark.find("l:characteristics", NS) is not None]


def test_simpleitk_reads_the_voxels_and_the_geometry(scans):
    for sample, phantom in scans:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(sample.image), sample.series_uid))
        image = reader.Execute()
        assert np.array_equal(sitk.GetArrayFromImage(image).T, phantom.hu)
        assert np.allclose(image.GetSpacing(), phantom.spacing, atol=1e-5)
        assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
        if sample.center_mm:
            x, y, z = sample.center_mm
            i, j, k = image.TransformPhysicalPointToIndex((-x, -y, z))
            near = phantom.nodule[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2]
            assert near.any()


def test_headers_are_valid_ct_of_a_phantom(scans):
    sample, phantom = scans[0]
    files = sorted(sample.image.glob("*.dcm"))
    headers = [pydicom.dcmread(file) for file in files]
    assert len(headers) == phantom.hu.shape[2]
    for header in headers:
        assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
        assert header.SOPClassUID == pydicom.uid.CTImageStorage
        assert list(header.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
        assert (header.PatientID, header.PatientName) == (sample.patient_id, sample.patient_id)
        assert (header.StudyInstanceUID, header.SeriesInstanceUID) == (
            sample.study_uid,
            sample.series_uid,
        )
        assert (header.RescaleSlope, header.RescaleIntercept, header.PixelRepresentation) == (
            1,
            -1024,
            1,
        )
        assert header.PixelPaddingValue == phantom.hu[0, 0, 0] + 1024
        assert header.SliceThickness == phantom.spacing[2]
        assert header.ConvolutionKernel
        assert not header.PatientBirthDate
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)
    assert len({header.FrameOfReferenceUID for header in headers}) == 1
    heights = [float(header.ImagePositionPatient[2]) for header in headers]
    assert heights not in (sorted(heights), sorted(heights, reverse=True))
    # instances count from the head down
    order = np.argsort([header.InstanceNumber for header in headers])
    assert (np.diff(np.array(heights)[order]) < 0).all()


def test_folders_are_patient_study_and_series(scans):
    for sample, _ in scans:
        parts = sample.image.parts[-3:]
        assert parts == (sample.patient_id, sample.study_uid, sample.series_uid)
        assert re.fullmatch(r"person-\d{4}", sample.patient_id)


def test_the_xml_has_the_structure_of_a_real_one(scans, sample_data):
    (real_file,) = (sample_data / "lidc_idri" / "LIDC-IDRI-0001").glob("*/*/*.xml")
    real = ET.parse(real_file).getroot()
    tags = {element.tag for element in real.iter()}
    for sample, _ in scans:
        root = xml_of(sample)
        assert root.tag == real.tag
        assert root.attrib.keys() == real.attrib.keys()
        assert {element.tag for element in root.iter()} <= tags
        if rated(root):
            mark, real_mark = rated(root)[0], rated(real)[0]
            assert [child.tag for child in mark][:3] == [child.tag for child in real_mark][:3]
            assert [rating.tag for rating in mark[1]] == [rating.tag for rating in real_mark[1]]


def test_the_xml_names_the_series_and_has_four_readers(scans):
    for sample, _ in scans:
        root = xml_of(sample)
        header = "l:ResponseHeader/"
        assert texts(root, header + "l:SeriesInstanceUid") == [sample.series_uid]
        assert texts(root, header + "l:StudyInstanceUID") == [sample.study_uid]
        assert len(root.findall("l:readingSession", NS)) == 4


def test_half_of_the_readers_agree_on_the_nodule(scans):
    sizes = set()
    for sample, phantom in scans:
        marks = rated(xml_of(sample))
        if phantom.kind == "healthy":
            assert not marks
            continue
        assert len(marks) in (3, 4)
        masks = np.array([enclosed(mark, phantom) for mark in marks])
        assert np.array_equal(masks.mean(axis=0) >= 0.5, phantom.nodule)
        centers = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
        shifts = (centers - np.argwhere(phantom.nodule).mean(axis=0)) * phantom.spacing
        assert np.linalg.norm(shifts, axis=1).max() < 0.6
        sizes |= {np.sign(mask.sum() - phantom.nodule.sum()) for mask in masks}
    assert sizes == {-1, 0, 1}


def test_ratings_separate_malignant_from_benign(scans):
    for sample, phantom in scans:
        for mark in rated(xml_of(sample)):
            ratings = {
                name: int(mark.findtext(f"l:characteristics/l:{name}", "", NS)) for name in RATINGS
            }
            assert all(1 <= value <= 6 for value in ratings.values())
            assert ratings["malignancy"] in ((4, 5) if phantom.label else (1, 2))


def test_every_mark_names_a_slice_at_its_height(scans):
    for sample, _ in scans:
        height = {}
        for file in sample.image.glob("*.dcm"):
            header = pydicom.dcmread(file, stop_before_pixels=True)
            height[header.SOPInstanceUID] = float(header.ImagePositionPatient[2])
        root = xml_of(sample)
        marks = [*root.iter(f"{{{NS['l']}}}roi"), *root.iter(f"{{{NS['l']}}}nonNodule")]
        assert marks
        for mark in marks:
            text = mark.findtext("l:imageZposition", namespaces=NS)
            assert text.endswith(" ")
            uid = mark.findtext("l:imageSOP_UID", namespaces=NS)
            assert height[uid] == pytest.approx(float(text), abs=1e-5)


def test_small_nodules_have_one_point_and_no_rating(scans):
    count = 0
    for sample, phantom in scans:
        root = xml_of(sample)
        for mark in root.findall("l:readingSession/l:unblindedReadNodule", NS):
            if mark.find("l:characteristics", NS) is None:
                count += 1
                assert len(mark.findall("l:roi/l:edgeMap", NS)) == 1
        points = root.findall("l:readingSession/l:nonNodule/l:locus", NS)
        count += len(points)
        for point in points:
            x, y = (int(point.findtext(f"l:{name}", "", NS)) for name in ("xCoord", "yCoord"))
            assert phantom.lungs[x, y].any()
    assert count


def test_no_temporary_file_is_left(scans):
    root = Path(scans[0][0].image).parents[2]
    assert not list(root.rglob(".*"))
