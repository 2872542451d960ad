"""Every form of a scan against the libraries that read it, voxel by voxel and within 0.01 mm.

Each case is written in some form, read by lungcam, and read by SimpleITK, nibabel or pydicom: the
HU and the places of all corners are equal, or lungcam refuses it in a sentence.
"""

import itertools

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless
from scipy.spatial.transform import Rotation

from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans import check_scan, read_scan, write_volume

SPACING, ORIGIN = (9, 9.5, 11), (-120.5, -98.25, 31)
OBLIQUE = Rotation.from_euler("xyz", [15, -25, 40], degrees=True).as_matrix()
DIRECTIONS = {
    "LPS": np.eye(3),
    "mirrored to the right": np.diag([-1.0, 1, 1]),
    "upside down": np.diag([1.0, 1, -1]),
    "RAS": np.diag([-1.0, -1, 1]),
    "axes in another order": np.eye(3)[:, [1, 2, 0]],
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "oblique": OBLIQUE,
    "oblique, left-handed": OBLIQUE @ np.diag([1, 1, -1.0]),
}


def affine_of(direction, spacing=SPACING, origin=ORIGIN):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = direction * np.array(spacing, float), origin
    return LPS_TO_RAS @ affine


def image_of(values, direction):
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(np.ravel(direction).tolist())
    return image


def with_itk(name, *, packed=False, joined=False):
    def write(folder, values, direction):
        image = image_of(values, direction)
        image = sitk.JoinSeries([image]) if joined else image
        sitk.WriteImage(image, str(folder / name), useCompression=packed)
        return folder / name

    return write


def with_nibabel(name, kind=nib.Nifti1Image, *, endian="<", sform=1, qform=1):
    def write(folder, values, direction):
        affine = affine_of(direction)
        header = kind.header_class(endianness=endian)
        header.set_data_dtype(values.dtype.newbyteorder(endian))
        image = kind(values, affine, header)
        image.set_sform(affine, sform)
        image.set_qform(affine, qform)
        nib.save(image, folder / name)
        return folder / name

    return write


FORMS = {
    "nii by ITK": with_itk("a.nii"),
    "nii.gz by ITK": with_itk("a.nii.gz"),
    "nii of four dimensions": with_itk("a.nii.gz", joined=True),
    "nii with sform": with_nibabel("a.nii", qform=0),
    "nii with qform": with_nibabel("a.nii.gz", sform=0),
    "nii, big endian": with_nibabel("a.nii", endian=">"),
    "NIfTI 2": with_nibabel("a.nii", nib.Nifti2Image),
    "pair": with_nibabel("a.hdr", nib.Nifti1Pair),
    "packed pair": with_nibabel("a.hdr.gz", nib.Nifti1Pair, endian=">"),
    "mha": with_itk("a.mha"),
    "packed mha": with_itk("a.mha", packed=True),
    "mha of four dimensions": with_itk("a.mha", joined=True),
    "mhd": with_itk("a.mhd"),
    "packed mhd": with_itk("a.mhd", packed=True),
    "nrrd": with_itk("a.nrrd"),
    "packed nrrd": with_itk("a.nrrd", packed=True),
    "nrrd of four dimensions": with_itk("a.nrrd", joined=True),
    "nhdr": with_itk("a.nhdr"),
}


def read_by_itk(path):
    """Return `(W, H, D)` values and the RAS affine by SimpleITK."""
    image = sitk.ReadImage(str(path))
    if image.GetDimension() == 4:
        image = image[:, :, :, 0]
    direction = np.reshape(image.GetDirection(), (3, 3))
    values = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    return values, affine_of(direction, image.GetSpacing(), image.GetOrigin())


def read_by_nibabel(path):
    """Return values and affine by nibabel."""
    image = nib.load(path)
    values = np.asanyarray(image.dataobj)
    return values.reshape(values.shape[:3]), image.affine


def corners(shape):
    return np.array([*itertools.product(*([0, n - 1] for n in shape))])


def check_same(scan, values, affine):
    assert scan.grid.shape == values.shape
    assert np.array_equal(scan.hu, np.rint(values))
    expected = Grid(values.shape, affine).to_world(corners(values.shape))
    assert np.abs(scan.grid.to_world(corners(values.shape)) - expected).max() < 0.01


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_volume_files_are_read_like_other_libraries_read_them(tmp_path, hu, write, direction):
    path = write(tmp_path, hu, direction)
    scan = read_scan(path)
    assert {finding.code for finding in scan.check.findings} <= {"assumed_space"}
    check_same(scan, hu, affine_of(direction))
    # ITK reads no NIfTI 2
    oracles = [] if int.from_bytes(path.read_bytes()[:2], "little") == 540 else [read_by_itk]
    if ".nii" in path.name or ".hdr" in path.name:
        oracles.append(read_by_nibabel)
    for oracle in oracles:
        check_same(scan, *oracle(path))


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64]
)
@pytest.mark.parametrize("write", [FORMS["nii.gz by ITK"], FORMS["mha"], FORMS["nrrd"]])
def test_values_of_any_type_are_read_or_refused(tmp_path, hu, write, dtype):
    path = write(tmp_path, hu.astype(dtype), OBLIQUE)
    check, scan = check_scan(path)
    if np.issubdtype(dtype, np.unsignedinteger):
        # negative HU have wrapped around
        assert scan is None
        assert check.with_outcome("refused")
        return
    check_same(scan, *read_by_itk(path))


SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "RLE": RLELossless,
}
ENCODINGS = {
    "signed": {"PixelRepresentation": 1},
    "unsigned": {"PixelRepresentation": 0},
    "12 bits": {"PixelRepresentation": 0, "BitsStored": 12, "HighBit": 11},
    "scale of each slice": {"rescale": ((1, -1024), (2, -1000), (0.5, -512))},
}


@pytest.mark.parametrize("direction", list(DIRECTIONS)[:7])
@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("syntax", [None, *SYNTAXES])
def test_series_are_read_like_pydicom_and_itk_read_them(
    tmp_path, hu, write_series, direction, encoding, syntax
):
    even = hu // 2 * 2
    axes = DIRECTIONS[direction]
    _, _, files = write_series(tmp_path, even, SPACING, axes[:, 0], axes[:, 1], ORIGIN, **encoding)
    for file in files if syntax else []:
        item = pydicom.dcmread(file)
        if syntax == "RLE":
            item.compress(RLELossless, generate_instance_uid=False)
            item.save_as(file)
            continue
        # the file holds values of either byte order
        if syntax == "big endian":
            item.PixelData = item.pixel_array.astype(">u2").tobytes()
        item.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
        pydicom.dcmwrite(
            file,
            item,
            implicit_vr=syntax == "implicit",
            little_endian=syntax != "big endian",
            force_encoding=True,
        )
    scan = read_scan(tmp_path)
    slices = []
    for header in scan.slices:
        item = pydicom.dcmread(header.file)
        slices.append(item.pixel_array.T * float(item.RescaleSlope) + float(item.RescaleIntercept))
        first = scan.grid.to_world((0, 0, len(slices) - 1))
        assert np.allclose(first, LPS_TO_RAS[:3, :3] @ item.ImagePositionPatient, atol=0.01)
    assert np.array_equal(scan.hu, np.stack(slices, axis=-1))
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(names)
    values = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = affine_of(
        np.reshape(image.GetDirection(), (3, 3)), image.GetSpacing(), image.GetOrigin()
    )
    check_same(scan, values, affine)


# --- any affine that a format can hold ---------------------------------------------------------

AFFINES = st.tuples(
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(0.3, 9)] * 3),
    st.tuples(*[st.floats(-2000, 2000)] * 3),
    st.sampled_from([1, -1]),
)
SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def drawn_affine(drawn):
    angles, spacing, origin, hand = drawn
    direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return affine_of(direction @ np.diag([1, 1, hand]), spacing, origin)


def check_place(scan, hu, affine):
    """Check that every corner comes back within half of the shortest side of a voxel."""
    assert np.array_equal(scan.hu, hu)
    expected = Grid(hu.shape, affine).to_world(corners(hu.shape))
    distance = np.linalg.norm(scan.grid.to_world(corners(hu.shape)) - expected, axis=1)
    assert distance.max() < 0.5 * min(scan.grid.spacing_mm)


@SHARED
@given(drawn=AFFINES)
@pytest.mark.parametrize("name", ["own.nii.gz", "a.mha", "a.nrrd", "s.nii", "q.nii"])
def test_any_affine_comes_back(tmp_path_factory, hu, name, drawn):
    affine = drawn_affine(drawn)
    path = tmp_path_factory.mktemp("affine") / name
    if name == "own.nii.gz":
        write_volume(path, hu, grid=Grid(hu.shape, affine))
    elif name.endswith(".nii"):
        with_nibabel_affine(path, hu, affine, sform=name[0] == "s")
    else:
        lps = LPS_TO_RAS @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image = image_of(hu, lps[:3, :3] / spacing)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        sitk.WriteImage(image, str(path))
    check_place(read_scan(path, whole_chest=False), hu, affine)


def with_nibabel_affine(path, hu, affine, *, sform):
    image = nib.Nifti1Image(hu, affine)
    image.set_sform(affine, int(sform))
    image.set_qform(affine, int(not sform))
    nib.save(image, path)


@SHARED
@given(drawn=AFFINES)
def test_any_series_comes_back(tmp_path_factory, hu, write_series, drawn):
    angles, spacing, origin, _ = drawn
    direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    assume(max(spacing) >= 0.3)
    folder = tmp_path_factory.mktemp("series")
    _, affine, _ = write_series(
        folder, hu, spacing, direction[:, 0], direction[:, 1], origin, rescale=((1, -1024),)
    )
    check_place(read_scan(folder, whole_chest=False), hu, affine)
