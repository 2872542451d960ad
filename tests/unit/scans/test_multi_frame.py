"""Tests of Enhanced CT: frames in any order, each with its own place and scale."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

from lungcam.grid import LPS_TO_RAS
from lungcam.scans import check_scan, discover, read_scan

SPACING, ORIGIN = (9, 9.5, 11), (-120.5, -98.25, 31.0)


def group(**sequences) -> Dataset:
    """Return a functional group of sequences with one item each."""
    item = Dataset()
    for name, values in sequences.items():
        inner = Dataset()
        for keyword, value in values.items():
            setattr(inner, keyword, value)
        setattr(item, name, Sequence([inner]))
    return item


def write_enhanced(file, hu, *, order=None, scales=((1, -1024),), shared_scale=False, change=None):
    """Write `(W, H, D)` HU as one file, the frames in any order.

    Args:
        file: File to write.
        hu: HU.
        order: Slice of each frame.
        scales: Slope and intercept, in turn for the frames.
        shared_scale: True to give the first scale once for all frames.
        change: Function of the data set before it is written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    order = range(hu.shape[2]) if order is None else order
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = EnhancedCTImageStorage
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = generate_uid()
    item.Modality, item.ImageType = "CT", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    item.SeriesInstanceUID, item.StudyInstanceUID = generate_uid(), generate_uid()
    item.NumberOfFrames, item.SamplesPerPixel = hu.shape[2], 1
    item.PhotometricInterpretation = "MONOCHROME2"
    item.Columns, item.Rows = hu.shape[:2]
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 1
    scale = {"RescaleSlope": scales[0][0], "RescaleIntercept": scales[0][1], "RescaleType": "HU"}
    shared = group(
        PixelMeasuresSequence={"PixelSpacing": [SPACING[1], SPACING[0]], "SliceThickness": 3},
        PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        **({"PixelValueTransformationSequence": scale} if shared_scale else {}),
    )
    item.SharedFunctionalGroupsSequence = Sequence([shared])
    frames, groups = [], []
    for k, index in enumerate(order):
        slope, intercept = scales[k % len(scales)]
        position = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + index * SPACING[2]]
        own = {"PlanePositionSequence": {"ImagePositionPatient": position}}
        if not shared_scale:
            own["PixelValueTransformationSequence"] = {
                "RescaleSlope": slope,
                "RescaleIntercept": intercept,
                "RescaleType": "HU",
            }
        groups.append(group(**own))
        frames.append(np.rint((hu[:, :, index].T.astype(float) - intercept) / slope))
    item.PerFrameFunctionalGroupsSequence = Sequence(groups)
    item.PixelData = np.stack(frames).astype(np.int16).tobytes()
    if change is not None:
        change(item)
    pydicom.dcmwrite(file, item, enforce_file_format=True)


def pack(item):
    item.compress(RLELossless, generate_instance_uid=False)


def expected_affine():
    lps = np.diag([*SPACING, 1.0])
    lps[:3, 3] = ORIGIN
    return LPS_TO_RAS @ lps


@pytest.mark.parametrize(
    "order", [None, range(9, -1, -1), np.random.default_rng(0).permutation(10)]
)
@pytest.mark.parametrize("shared_scale", [True, False])
@pytest.mark.parametrize("packed", [False, True])
def test_frames_are_placed_and_scaled_one_by_one(tmp_path, hu, order, shared_scale, packed):
    even = hu // 2 * 2
    scales = ((1, -1024),) if shared_scale else ((1, -1024), (2, -1000))
    change = pack if packed else None
    file = tmp_path / "scan" / "enhanced.dcm"
    write_enhanced(file, even, order=order, scales=scales, shared_scale=shared_scale, change=change)
    for path in (file, file.parent):
        scan = read_scan(path)
        assert scan.warnings == []
        assert np.array_equal(scan.hu, even)
        assert np.allclose(scan.grid.affine, expected_affine())
        # results refer to files of one slice
        assert scan.slices == ()
        assert [source.path for source in discover(path)] == [path]


def test_simpleitk_reads_the_same_volume(tmp_path, hu):
    write_enhanced(tmp_path / "a.dcm", hu, shared_scale=True)
    image = sitk.ReadImage(str(tmp_path / "a.dcm"))
    scan = read_scan(tmp_path / "a.dcm")
    assert np.array_equal(scan.hu, sitk.GetArrayFromImage(image).T)
    assert np.allclose(image.GetOrigin(), (LPS_TO_RAS @ scan.grid.affine)[:3, 3])
    assert np.allclose(image.GetSpacing(), scan.grid.spacing_mm)


def without(name, k=None):
    def change(item):
        if k is None:
            del item.SharedFunctionalGroupsSequence[0][name]
        else:
            del item.PerFrameFunctionalGroupsSequence[k][name]

    return change


def drop_a_group(item):
    del item.PerFrameFunctionalGroupsSequence[3]


def shorten_pixels(item):
    item.PixelData = item.PixelData[:-20]


FAULTS = {
    "no place": (without("PlanePositionSequence", 4), "no_position"),
    "no scale": (without("PixelValueTransformationSequence", 4), "no_rescale"),
    "no orientation": (without("PlaneOrientationSequence"), "no_orientation"),
    "no spacing": (without("PixelMeasuresSequence"), "bad_pixel_spacing"),
    "a group too few": (drop_a_group, "damaged_file"),
    "pixels cut": (shorten_pixels, "truncated_file"),
}


@pytest.mark.parametrize(("change", "code"), FAULTS.values(), ids=FAULTS)
def test_frame_with_a_fault_is_refused(tmp_path, hu, change, code):
    write_enhanced(tmp_path / "scan" / "a.dcm", hu, change=change)
    for path in (tmp_path / "scan", tmp_path / "scan" / "a.dcm"):
        check, scan = check_scan(path)
        assert scan is None
        assert code in {finding.code for finding in check.findings}


def test_missing_and_repeated_frames_are_refused(tmp_path, hu):
    order = [0, 1, 2, 2, 4, 5, 6, 7, 8, 9]
    write_enhanced(tmp_path / "b.dcm", hu, order=order)
    check, scan = check_scan(tmp_path / "b.dcm")
    assert scan is None
    assert "missing_slices" in {finding.code for finding in check.findings}
