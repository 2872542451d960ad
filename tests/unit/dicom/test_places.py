"""Values stand where they stood, whoever reads them: highdicom, SimpleITK, pydicom by hand."""

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
    values = sitk.GetArrayViewFromImage(volume)
    k, j, i = (int(n) for n in np.unravel_index(values.argmax(), values.shape))
    return np.array(volume.TransformIndexToPhysicalPoint((i, j, k))), float(values[k, j, i])


def on_grid_of(other: sitk.Image, volume: sitk.Image) -> np.ndarray:
    """A volume's values at the voxels of another one, whose places must all be its own."""
    moved = sitk.Resample(volume, other, interpolator=sitk.sitkLinear, defaultPixelValue=-99)
    return sitk.GetArrayFromImage(moved)


@each_geometry
def test_the_heat_map_stands_where_the_nifti_stands(
    tmp_path, series, heat, told, settings, read_slices
):
    scan = series(tmp_path / "scan", **settings)
    write_volume(tmp_path / "heatmap.nii.gz", heat, grid=scan.grid)
    write_parametric_map(tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=told)
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=told)
    nifti = sitk.ReadImage(str(tmp_path / "heatmap.nii.gz"))
    peak_mm, peak = peak_of(nifti)
    # SimpleITK, from the derived series
    slices = read_slices(tmp_path / "slices")
    found_mm, found = peak_of(slices)
    assert np.abs(found_mm - peak_mm).max() < 0.01
    quantum = peak / 32767
    assert found == pytest.approx(peak, abs=quantum)
    assert np.abs(on_grid_of(nifti, slices) - sitk.GetArrayFromImage(nifti)).max() < 5e-3
    # highdicom, from the parametric map
    made = hd.pm.ParametricMap.from_dataset(pydicom.dcmread(tmp_path / "heatmap.dcm"))
    volume = made.get_volume(apply_real_world_transform=True)
    at = np.unravel_index(volume.array.argmax(), volume.array.shape)
    assert np.abs(volume.map_indices_to_reference(np.array([at]))[0] - peak_mm).max() < 0.01
    assert volume.array.max() == np.float32(7.25)
    assert volume.array.min() == np.float32(-4.5)
    for index in np.random.default_rng(2).integers(0, heat.shape, (50, 3)):
        lps = scan.grid.to_world(index) * (-1, -1, 1)
        there = np.rint(volume.map_reference_to_indices(lps[None])[0]).astype(int)
        assert volume.array[tuple(there)] == heat[tuple(index)]


@each_geometry
def test_a_mask_stands_where_the_nifti_stands(tmp_path, series, hu, told, settings):
    scan = series(tmp_path / "scan", **settings)
    mask = hu > 100
    write_volume(tmp_path / "mask.nii.gz", mask, grid=scan.grid)
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=mask, segment=LUNGS, description=told
    )
    nifti = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    there = on_grid_of(
        nifti, sitk.Cast(sitk.ReadImage(str(tmp_path / "mask.dcm")), sitk.sitkFloat32)
    )
    assert np.array_equal(there > 127, sitk.GetArrayFromImage(nifti) > 0)
    made = hd.seg.segread(tmp_path / "mask.dcm").get_volume(combine_segments=True)
    assert made.array.sum() == mask.sum()
    for index in np.argwhere(mask)[::37]:
        lps = scan.grid.to_world(index) * (-1, -1, 1)
        at = np.rint(made.map_reference_to_indices(lps[None])[0]).astype(int)
        assert made.array[tuple(at)] == 1


def frames_by_hand(file) -> list[tuple[list[float], np.ndarray]]:
    made = pydicom.dcmread(file)
    pixels = made.pixel_array
    return [
        (list(map(float, group.PlanePositionSequence[0].ImagePositionPatient)), pixels[k])
        for k, group in enumerate(made.PerFrameFunctionalGroupsSequence)
    ]


def test_frames_go_up_along_the_normal_as_3d_slicers_reader_takes_for_granted(
    tmp_path, series, heat, told
):
    scan = series(tmp_path / "scan")
    write_parametric_map(tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=told)
    found = frames_by_hand(tmp_path / "heatmap.dcm")
    assert [place[2] for place, _ in found] == sorted(place[2] for place, _ in found)
    for k, (_, frame) in enumerate(found):
        assert np.array_equal(frame, heat[:, :, k].T)
    groups = pydicom.dcmread(tmp_path / "heatmap.dcm").PerFrameFunctionalGroupsSequence
    indices = [group.FrameContentSequence[0].DimensionIndexValues for group in groups]
    assert indices == list(range(1, 11))


def test_uneven_and_sideways_slices_keep_their_exact_positions(
    tmp_path, write_series, hu, heat, told, edit
):
    uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    _, _, files = write_series(tmp_path / "scan", hu, **uids)
    rng = np.random.default_rng(3)
    places = []
    for file in files:
        place = np.array(pydicom.dcmread(file).ImagePositionPatient, float)
        places.append([float(f"{mm:.4f}") for mm in place + rng.uniform(-0.4, 0.4, 3)])
        edit(file, ImagePositionPatient=places[-1])
    scan = read_scan(tmp_path / "scan")
    gaps = np.diff([place[2] for place in places])
    assert source_of(scan).uneven_mm == pytest.approx(np.abs(gaps - gaps.mean()).max())
    write_parametric_map(tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=told)
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=hu > 0, segment=LUNGS, description=told
    )
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=told)
    assert [place for place, _ in frames_by_hand(tmp_path / "heatmap.dcm")] == places
    assert sorted(place for place, _ in frames_by_hand(tmp_path / "mask.dcm")) == sorted(places)
    written = [pydicom.dcmread(file) for file in sorted((tmp_path / "slices").iterdir())]
    assert [list(map(float, one.ImagePositionPatient)) for one in written] == places


def test_only_the_slices_that_were_used_are_referred_to(
    tmp_path, write_series, hu, heat, told, edit
):
    uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    uid, _, files = write_series(tmp_path / "scan", hu, **uids)
    used = [pydicom.dcmread(file).SOPInstanceUID for file in files]
    # a repeat, and a smaller series beside it
    shutil.copy(files[4], tmp_path / "scan" / "zz")
    edit(tmp_path / "scan" / "zz", SOPInstanceUID=generate_uid())
    write_series(tmp_path / "other", hu[:, :, :3], **uids)
    for file in (tmp_path / "other").iterdir():
        shutil.copy(file, tmp_path / "scan" / f"other-{file.name}")
    scan = read_scan(tmp_path / "scan")
    assert {one.code for one in scan.check.findings} == {"duplicate_positions", "mixed_series"}
    write_parametric_map(tmp_path / "heatmap.dcm", source_of(scan), heat=heat, description=told)
    write_segmentation(
        tmp_path / "mask.dcm", source_of(scan), mask=hu > 0, segment=LUNGS, description=told
    )
    write_heat_slices(tmp_path / "slices", source_of(scan), heat=heat, description=told)
    for name in ("heatmap", "mask"):
        made = pydicom.dcmread(tmp_path / f"{name}.dcm")
        assert made.StudyInstanceUID == uids["StudyInstanceUID"]
        assert made.FrameOfReferenceUID == uids["FrameOfReferenceUID"]
        (referred,) = made.ReferencedSeriesSequence
        assert referred.SeriesInstanceUID == uid
        instances = [one.ReferencedSOPInstanceUID for one in referred.ReferencedInstanceSequence]
        assert instances == used
        for group in made.PerFrameFunctionalGroupsSequence:
            (derived,) = group.DerivationImageSequence
            (image,) = derived.SourceImageSequence
            place = list(map(float, group.PlanePositionSequence[0].ImagePositionPatient))
            source = pydicom.dcmread(files[used.index(image.ReferencedSOPInstanceUID)])
            assert place == list(map(float, source.ImagePositionPatient))
    written = [pydicom.dcmread(file) for file in sorted((tmp_path / "slices").iterdir())]
    assert [one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in written] == used


def test_slices_of_an_earlier_result_are_removed(tmp_path, series, heat, told):
    source = source_of(series(tmp_path / "scan"))
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices" / "0011.dcm").write_bytes(b"old")
    (tmp_path / "slices" / "notes.txt").write_text("the user's own")
    write_heat_slices(tmp_path / "slices", source, heat=heat, description=told)
    names = sorted(file.name for file in (tmp_path / "slices").iterdir())
    assert names == [f"{k:04d}.dcm" for k in range(1, 11)] + ["notes.txt"]


def test_lungcam_takes_its_own_map_for_no_ct(tmp_path, series, heat, told):
    from lungcam.scans import check_scan

    write_heat_slices(
        tmp_path / "slices", source_of(series(tmp_path / "scan")), heat=heat, description=told
    )
    check, scan = check_scan(tmp_path / "slices")
    assert scan is None
    assert "not_hu" in {one.code for one in check.findings}
