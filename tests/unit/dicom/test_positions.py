"""Values keep their positions, for readers of highdicom, SimpleITK and pydicom."""

import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid
from scipy.spatial.transform import Rotation

from lungcam.dicom import (
    LUNGS,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.scans import read_scan, write_volume

hd = pytest.importorskip("highdicom")

TURN = Rotation.from_euler("zyx", [20, -13, 8], degrees=True).as_matrix()
GEOMETRIES = {
    "axial": {},
    "slices from the head down": {"column": (0, -1, 0)},
    "prone": {"row": (-1, 0, 0), "column": (0, -1, 0)},
    "coronal": {"column": (0, 0, -1)},
    "oblique": {"row": tuple(TURN[0]), "column": tuple(TURN[1])},
    "voxels of three lengths": {"spacing": (0.7, 1.3, 12.5), "row": (0, 1, 0), "column": (1, 0, 0)},
}
each_geometry = pytest.mark.parametrize("settings", GEOMETRIES.values(), ids=GEOMETRIES)


def peak_of(volume: sitk.Image) -> tuple[np.ndarray, float]:
    """Return the position of the peak in LPS mm, and its value."""
    values = sitk.GetArrayViewFromImage(volume)
    k, j, i = (int(n) for n in np.unravel_index(values.argmax(), values.shape))
    return np.array(volume.TransformIndexToPhysicalPoint((i, j, k))), float(values[k, j, i])


def resample_to(other: sitk.Image, volume: sitk.Image) -> np.ndarray:
    """Return the values of a volume at the voxels of another, and -99 outside it."""
    moved = sitk.Resample(volume, other, interpolator=sitk.sitkLinear, defaultPixelValue=-99)
    return sitk.GetArrayFromImage(moved)


@each_geometry
def test_heat_map_has_the_positions_of_the_nifti(
    tmp_path, series, heat, description, settings, read_slices
):
    scan = series(tmp_path / "scan", **settings)
    write_volume(tmp_path / "heatmap.nii.gz", heat, grid=scan.grid)
    write_parametric_map(
        tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=description
    )
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=description)
    nifti = sitk.ReadImage(str(tmp_path / "heatmap.nii.gz"))
    peak_mm, peak = peak_of(nifti)
    # derived series, read by SimpleITK
    slices = read_slices(tmp_path / "slices")
    slices_peak_mm, slices_peak = peak_of(slices)
    assert np.abs(slices_peak_mm - peak_mm).max() < 0.01
    quantum = peak / 32767
    assert slices_peak == pytest.approx(peak, abs=quantum)
    assert np.abs(resample_to(nifti, slices) - sitk.GetArrayFromImage(nifti)).max() < 5e-3
    # parametric map, read by highdicom
    parametric_map = hd.pm.ParametricMap.from_dataset(pydicom.dcmread(tmp_path / "heatmap.dcm"))
    volume = parametric_map.get_volume(apply_real_world_transform=True)
    index = np.unravel_index(volume.array.argmax(), volume.array.shape)
    assert np.abs(volume.map_indices_to_reference(np.array([index]))[0] - peak_mm).max() < 0.01
    assert volume.array.max() == np.float32(7.25)
    assert volume.array.min() == np.float32(-4.5)
    for index in np.random.default_rng(2).integers(0, heat.shape, (50, 3)):
        lps = scan.grid.to_world(index) * (-1, -1, 1)
        voxel = np.rint(volume.map_reference_to_indices(lps[None])[0]).astype(int)
        assert volume.array[tuple(voxel)] == heat[tuple(index)]


@each_geometry
def test_mask_has_the_positions_of_the_nifti(tmp_path, series, hu, description, settings):
    scan = series(tmp_path / "scan", **settings)
    mask = hu > 100
    write_volume(tmp_path / "mask.nii.gz", mask, grid=scan.grid)
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=mask, segment=LUNGS, description=description
    )
    nifti = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    values = resample_to(
        nifti, sitk.Cast(sitk.ReadImage(str(tmp_path / "mask.dcm")), sitk.sitkFloat32)
    )
    assert np.array_equal(values > 127, sitk.GetArrayFromImage(nifti) > 0)
    volume = hd.seg.segread(tmp_path / "mask.dcm").get_volume(combine_segments=True)
    assert volume.array.sum() == mask.sum()
    for index in np.argwhere(mask)[::37]:
        lps = scan.grid.to_world(index) * (-1, -1, 1)
        voxel = np.rint(volume.map_reference_to_indices(lps[None])[0]).astype(int)
        assert volume.array[tuple(voxel)] == 1


def read_frames(file) -> list[tuple[list[float], np.ndarray]]:
    """Return the position and the pixels of each frame."""
    dataset = pydicom.dcmread(file)
    pixels = dataset.pixel_array
    return [
        (list(map(float, group.PlanePositionSequence[0].ImagePositionPatient)), pixels[k])
        for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence)
    ]


def test_frames_are_sorted_along_the_normal_for_3d_slicer(tmp_path, series, heat, description):
    scan = series(tmp_path / "scan")
    write_parametric_map(
        tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=description
    )
    frames = read_frames(tmp_path / "heatmap.dcm")
    heights = [position[2] for position, _ in frames]
    assert heights == sorted(heights)
    for k, (_, frame) in enumerate(frames):
        assert np.array_equal(frame, heat[:, :, k].T)
    groups = pydicom.dcmread(tmp_path / "heatmap.dcm").PerFrameFunctionalGroupsSequence
    indices = [group.FrameContentSequence[0].DimensionIndexValues for group in groups]
    assert indices == list(range(1, 11))


def test_unevenly_spaced_and_shifted_slices_keep_their_exact_positions(
    tmp_path, write_series, hu, heat, description, edit
):
    uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    _, _, files = write_series(tmp_path / "scan", hu, **uids)
    rng = np.random.default_rng(3)
    positions = []
    for file in files:
        position = np.array(pydicom.dcmread(file).ImagePositionPatient, float)
        positions.append([float(f"{mm:.4f}") for mm in position + rng.uniform(-0.4, 0.4, 3)])
        edit(file, ImagePositionPatient=positions[-1])
    scan = read_scan(tmp_path / "scan")
    gaps = np.diff([position[2] for position in positions])
    assert source_of(scan).max_gap_deviation_mm == pytest.approx(np.abs(gaps - gaps.mean()).max())
    write_parametric_map(
        tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=description
    )
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=hu > 0, segment=LUNGS, description=description
    )
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=description)
    heat_frames = read_frames(tmp_path / "heatmap.dcm")
    mask_frames = read_frames(tmp_path / "mask.dcm")
    assert [position for position, _ in heat_frames] == positions
    assert sorted(position for position, _ in mask_frames) == sorted(positions)
    written = [pydicom.dcmread(file) for file in sorted((tmp_path / "slices").iterdir())]
    assert [list(map(float, item.ImagePositionPatient)) for item in written] == positions


def test_objects_refer_only_to_the_slices_of_the_scan(
    tmp_path, write_series, hu, heat, description, edit
):
    uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    uid, _, files = write_series(tmp_path / "scan", hu, **uids)
    used = [pydicom.dcmread(file).SOPInstanceUID for file in files]
    # a duplicate slice, and a smaller series in the same folder
    shutil.copy(files[4], tmp_path / "scan" / "zz")
    edit(tmp_path / "scan" / "zz", SOPInstanceUID=generate_uid())
    write_series(tmp_path / "other", hu[:, :, :3], **uids)
    for file in (tmp_path / "other").iterdir():
        shutil.copy(file, tmp_path / "scan" / f"other-{file.name}")
    scan = read_scan(tmp_path / "scan")
    assert {finding.code for finding in scan.check.findings} == {
        "duplicate_positions",
        "mixed_series",
    }
    write_parametric_map(
        tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=description
    )
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=hu > 0, segment=LUNGS, description=description
    )
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=description)
    for name in ("heatmap", "mask"):
        dataset = pydicom.dcmread(tmp_path / f"{name}.dcm")
        assert dataset.StudyInstanceUID == uids["StudyInstanceUID"]
        assert dataset.FrameOfReferenceUID == uids["FrameOfReferenceUID"]
        (referred,) = dataset.ReferencedSeriesSequence
        assert referred.SeriesInstanceUID == uid
        instances = [item.ReferencedSOPInstanceUID for item in referred.ReferencedInstanceSequence]
        assert instances == used
        for group in dataset.PerFrameFunctionalGroupsSequence:
            (derived,) = group.DerivationImageSequence
            (image,) = derived.SourceImageSequence
            position = list(map(float, group.PlanePositionSequence[0].ImagePositionPatient))
            source = pydicom.dcmread(files[used.index(image.ReferencedSOPInstanceUID)])
            assert position == list(map(float, source.ImagePositionPatient))
    written = [pydicom.dcmread(file) for file in sorted((tmp_path / "slices").iterdir())]
    assert [item.SourceImageSequence[0].ReferencedSOPInstanceUID for item in written] == used
