"""DICOM Segmentations written by highdicom come back on the scan's voxels, in whatever order."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.masks import Mask, MaskFault, mask_on, read_lesion_mask, read_mask
from lungcam.masks.mask import share_on
from lungcam.masks.placement import check_lesion
from lungcam.scans import Scan

from .conftest import SOURCES

hd = pytest.importorskip("highdicom", reason="needs the extra dicom")
LABELS = ("lesion", "other lesion", "vessel")


def draw(shape: tuple[int, ...]) -> np.ndarray:
    """Draw three segments `(3, W, H, D)`, with empty slices within, that overlap."""
    rng = np.random.default_rng(5)
    drawn = rng.random((3, *shape)) < 0.3
    drawn[0, :, :, [0, 3, 4, 9]] = False
    drawn[1, :, :, 2:] = False
    drawn[2, :, :, ::2] = False
    return drawn


def write(file: Path, scan: Scan, masks: np.ndarray, *, kind: str = "BINARY", **settings) -> Path:
    """Write `(n, W, H, D)` masks on the scan's grid by highdicom."""
    images = [pydicom.dcmread(header.file) for header in scan.slices]
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Nodule,
            algorithm_type="MANUAL",
        )
        for number, label in enumerate(LABELS[: len(masks)], start=1)
    ]
    pixels = masks.transpose(3, 2, 1, 0)
    segmentation = hd.seg.Segmentation(
        images,
        pixels.astype(np.uint8) if kind == "BINARY" else pixels,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=3,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="lungcam",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        **settings,
    )
    segmentation.save_as(file)
    return file


def shuffle(file: Path) -> None:
    """Put the frames of a file into another order."""
    dataset = pydicom.dcmread(file)
    order = np.random.default_rng(2).permutation(dataset.NumberOfFrames)
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [groups[k] for k in order]
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    size = dataset.Rows * dataset.Columns
    frames = bits[: size * len(order)].reshape(len(order), size)[order]
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(file)


@pytest.mark.parametrize("source", SOURCES)
def test_shuffled_frames_of_several_segments_come_back_equal(tmp_path, series, source):
    scan = series(tmp_path / "ct", **SOURCES[source])
    masks = draw(scan.hu.shape)
    file = write(tmp_path / "seg.dcm", scan, masks)
    shuffle(file)
    frames = pydicom.dcmread(file).NumberOfFrames
    # only planes on which something is
    assert frames == masks.any(axis=(1, 2)).sum() < 3 * scan.hu.shape[2]
    for number, label in enumerate(LABELS):
        for name in (label, label.upper(), str(number + 1)):
            mask = read_mask(file, scan, segment=name)
            assert np.array_equal(mask_on(mask, scan.grid), masks[number])
        assert mask.frame_uid == scan.frame_uid
        assert mask.series_uid == scan.series_uid
    both = read_mask(file, scan, segment="lesion, vessel")
    assert np.array_equal(mask_on(both, scan.grid), masks[0] | masks[2])
    every = read_mask(file, scan, segment="nodule")
    assert np.array_equal(mask_on(every, scan.grid), masks.any(axis=0))


def turn_frames(file: Path) -> None:
    """Store two of three frames mirrored or transposed, with an orientation that says so."""
    dataset = pydicom.dcmread(file)
    (shared,) = dataset.SharedFunctionalGroupsSequence
    (plane,), (measures,) = shared.PlaneOrientationSequence, shared.PixelMeasuresSequence
    row, column = np.array(plane.ImageOrientationPatient, float).reshape(2, 3)
    mm = [float(x) for x in measures.PixelSpacing]
    frames = dataset.pixel_array.copy()
    for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        axes = [row, column]
        if k % 3 == 1:
            frames[k] = frames[k][:, ::-1]
            position += row * mm[1] * (dataset.Columns - 1)
            axes = [-row, column]
        elif k % 3 == 2:
            frames[k] = frames[k].T[::-1]
            position += row * mm[1] * (dataset.Columns - 1)
            axes = [column, -row]
        own = pydicom.Dataset()
        own.ImageOrientationPatient = [f"{x:.10f}" for x in np.ravel(axes)]
        group.PlaneOrientationSequence = [own]
        group.PlanePositionSequence[0].ImagePositionPatient = [f"{x:.10g}" for x in position]
    del shared.PlaneOrientationSequence
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(file)


@pytest.mark.parametrize("source", ["axial", "oblique backwards"])
def test_frames_with_orientations_of_their_own_are_turned(tmp_path, series, hu, source):
    # square pixels and frames, so that a frame may be transposed
    square = hu[:11]
    scan = series(tmp_path / "ct", square, spacing=(9, 9, 11), **SOURCES[source])
    masks = draw(scan.hu.shape)
    file = write(tmp_path / "seg.dcm", scan, masks)
    turn_frames(file)
    shuffle(file)
    for number in range(3):
        mask = read_mask(file, scan, segment=str(number + 1))
        assert np.array_equal(mask_on(mask, scan.grid), masks[number])


def test_highdicom_reads_the_same_volume(tmp_path, series):
    scan = series(tmp_path / "ct", SpacingBetweenSlices=None, **SOURCES["columns backwards"])
    file = write(tmp_path / "seg.dcm", scan, draw(scan.hu.shape))
    volume = hd.seg.segread(file).get_volume(
        segment_numbers=[1], combine_segments=True, allow_missing_positions=True
    )
    # (slices, rows, columns) to LPS mm
    affine = np.diag([-1.0, -1, 1, 1]) @ volume.affine
    theirs = Grid(volume.spatial_shape, affine)
    ours = share_on(read_mask(file, scan, segment="1"), theirs)
    assert np.array_equal(ours >= 0.5, volume.array == 1)


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_other_types_come_back(tmp_path, series, kind):
    scan = series(tmp_path / "ct", **SOURCES["oblique"])
    rng = np.random.default_rng(1)
    if kind == "FRACTIONAL":
        expected = rng.integers(0, 256, (1, *scan.hu.shape)) / 255
        settings = {"fractional_type": "PROBABILITY", "max_fractional_value": 255}
        file = write(tmp_path / "seg.dcm", scan, expected, kind=kind, **settings)
        share = share_on(read_mask(file, scan), scan.grid)
        assert np.abs(share - expected[0]).max() < 0.6 / 255
        return
    labels = rng.integers(0, 3, scan.hu.shape)
    masks = np.stack([labels == 1, labels == 2]).astype(np.uint8)
    file = write(tmp_path / "seg.dcm", scan, masks, kind="LABELMAP")
    mask = read_mask(file, scan, segment=LABELS[1])
    assert np.array_equal(mask_on(mask, scan.grid), labels == 2)


def test_a_mask_of_another_series_is_resampled(tmp_path, series, hu):
    scan = series(tmp_path / "ct")
    fine = series(
        tmp_path / "fine",
        np.repeat(hu, 2, axis=2),
        spacing=(9, 9.5, 5.5),
        origin=(-120.5, -98.25, 31.0 - 2.75),
        FrameOfReferenceUID=scan.frame_uid,
    )
    drawn = draw(scan.hu.shape)[:1]
    file = write(tmp_path / "seg.dcm", fine, np.repeat(drawn, 2, axis=3))
    mask = read_mask(file, scan)
    assert mask.series_uid == fine.series_uid != scan.series_uid
    # the triangle kernel reaches a quarter into the neighbours: on flat regions nothing changes
    share = share_on(mask, scan.grid)
    middle = drawn[0][:, :, 1:-1]
    same = (drawn[0][:, :, :-2] == middle) & (drawn[0][:, :, 2:] == middle)
    assert same.any()
    assert np.array_equal(share[:, :, 1:-1][same] >= 0.5, middle[same])


def refusal(function, *args, **settings) -> str:
    with pytest.raises(MaskFault) as caught:
        function(*args, **settings)
    return str(caught.value)


def test_segments_are_listed_where_none_or_a_wrong_one_is_named(tmp_path, series):
    scan = series(tmp_path / "ct")
    file = write(tmp_path / "seg.dcm", scan, draw(scan.hu.shape))
    message = refusal(read_mask, file, scan)
    assert message == (
        "it has 3 segments, and none is named; it has 1 (lesion), 2 (other lesion), 3 (vessel)"
    )
    assert refusal(read_mask, file, scan, segment="tumour").startswith("it has no segment tumour;")


def set_frames(file: Path, change) -> None:
    """Change the functional groups of each frame."""
    dataset = pydicom.dcmread(file)
    for index, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        change(group, index)
    dataset.save_as(file)


def test_faulty_frames_are_refused(tmp_path, series):
    scan = series(tmp_path / "ct")
    file = tmp_path / "seg.dcm"

    def rewritten(change) -> str:
        write(file, scan, draw(scan.hu.shape)[:1])
        set_frames(file, change)
        return refusal(lambda: check_lesion(read_mask(file, scan), scan))

    def shift(group, index):
        if index == 1:
            group.PlanePositionSequence[0].ImagePositionPatient[0] += 4

    def crowd(group, index):
        if index == 2:
            group.PlanePositionSequence[0].ImagePositionPatient[2] += 4

    def unplace(group, index):
        if index == 0:
            del group.PlanePositionSequence

    def reverse(group, index):
        position = group.PlanePositionSequence[0].ImagePositionPatient
        position[2] = 2 * scan.slices[0].position[2] + 99 - position[2]

    assert rewritten(shift) == "its frames are shifted sideways against each other"
    assert rewritten(crowd) == "its frames are not evenly spaced"
    assert rewritten(unplace) == "a frame has no position, orientation or pixel spacing"
    # the same planes, from head to foot: each names the slice that it was drawn on
    assert "off the slice that it was drawn on" in rewritten(reverse)


def test_a_truncated_file_is_refused(tmp_path, series):
    scan = series(tmp_path / "ct")
    file = write(tmp_path / "seg.dcm", scan, draw(scan.hu.shape))
    content = file.read_bytes()
    for size in (len(content) - 60, len(content) // 2, 400):
        file.write_bytes(content[:size])
        assert refusal(read_mask, file, scan, segment="1")


def test_a_segmentation_of_a_chest_is_read_in_its_place_and_refused_if_mirrored(tmp_path, chest):
    scan = chest.scan
    nodule = mask_on(
        Mask(
            share=chest.phantom.nodule, grid=Grid(chest.phantom.nodule.shape, chest.phantom.affine)
        ),
        scan.grid,
    )
    file = write(tmp_path / "seg.dcm", scan, nodule[None])
    shuffle(file)
    mask, grid = read_lesion_mask(file, scan)
    assert np.array_equal(mask_on(Mask(share=mask, grid=grid), scan.grid), nodule)
    center = grid.to_world(np.argwhere(mask).mean(axis=0))
    assert np.abs(center - chest.phantom.center_mm).max() < 0.01
    for axes in ((0,), (1,), (2,), (0, 1)):
        write(file, scan, np.flip(nodule, axes)[None])
        with pytest.raises(InputError, match=r"exchanged|in the body") as caught:
            read_lesion_mask(file, scan)
        assert "\n" not in str(caught.value)
