"""Tests of headers that place a volume: no default replaces what a file does not say."""

import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.scans import check_scan, read_scan
from lungcam.scans.discover import discover

DIRECTION = (-1, 0, 0, 0, 0, 1, 0, -1, 0)
AFFINE = np.diag([9, 9.5, 11, 1])


def image_of(hu, direction=DIRECTION):
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    image.SetSpacing((9, 9.5, 11))
    image.SetOrigin((-120, -98, 31))
    image.SetDirection(direction)
    return image


def expected_affine(image):
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


def codes(path, **settings):
    check, scan = check_scan(path, **settings)
    assert (scan is None) == bool(check.with_outcome("refused"))
    return {finding.code for finding in check.findings}


# --- more than three dimensions ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("count", [1, 3])
def test_series_of_volumes_is_placed_like_its_volumes(tmp_path, hu, name, count):
    image = image_of(hu)
    other = sitk.GetImageFromArray(np.full(hu.shape[::-1], -900, np.int16))
    other.CopyInformation(image)
    joined = sitk.JoinSeries([image, other, other][:count])
    sitk.WriteImage(joined, str(tmp_path / name))
    if count > 1:
        assert codes(tmp_path / name) >= {"not_3d"}
        assert codes(tmp_path / name, time=count) >= {"no_such_time"}
        check, _ = check_scan(tmp_path / name)
        assert "time=2" in check.line
    scan = read_scan(tmp_path / name, time=0)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, expected_affine(image), atol=1e-4)


def write_nrrd(file, values, **fields):
    lines = ["NRRD0004"]
    for name, text in fields.items():
        separator = "" if name.endswith(":=") else ": "
        lines.append(f"{name.replace('_', ' ').rstrip('2')}{separator}{text}")
    file.write_bytes("\n".join(lines).encode() + b"\n\n" + values.tobytes(order="F"))


VECTORS = "(-9,0,0) (0,0,9.5) (0,11,0)"
NRRD = {
    "type": "short",
    "dimension": 3,
    "space": "left-posterior-superior",
    "sizes": "12 11 10",
    "space_directions": VECTORS,
    "space_origin": "(1,2,3)",
    "endian": "little",
    "encoding": "raw",
}
LPS = np.array([[-9, 0, 0, 1], [0, 0, 11, 2], [0, 9.5, 0, 3], [0, 0, 0, 1.0]])
FOUR = {"dimension": 4, "sizes": "12 11 10 1"}
NRRD_FORMS = {
    "plain": ({}, LPS),
    "upper case": ({"space": "LPS"}, LPS),
    "RAS": ({"space": "right-anterior-superior"}, np.diag([-1, -1, 1, 1]) @ LPS),
    "LAS": ({"space": "LAS"}, np.diag([1, -1, 1, 1]) @ LPS),
    "blanks": ({"space_directions": "( -9, 0, 0 ) ( 0,0,9.5 )  (0, 11 ,0)"}, LPS),
    "units": ({"space_units": '"mm" "mm" "mm"'}, LPS),
    "list last": (
        FOUR | {"space_directions": f"{VECTORS} none", "kinds": "domain domain domain list"},
        LPS,
    ),
    "time": (
        FOUR
        | {
            "space": "left-posterior-superior-time",
            "space_directions": "(-9,0,0,0) (0,0,9.5,0) (0,11,0,0) (0,0,0,2)",
            "space_origin": "(1,2,3,0)",
        },
        LPS,
    ),
    "list first": (
        {
            "dimension": 4,
            "sizes": "1 12 11 10",
            "space_directions": f"none {VECTORS}",
            "kinds": "list domain domain domain",
        },
        LPS,
    ),
    "no meaning": ({"space_origin:=": "somewhere"}, LPS),
}


@pytest.mark.parametrize(("changes", "lps"), NRRD_FORMS.values(), ids=NRRD_FORMS)
def test_nrrd_header_is_read_as_it_says(tmp_path, hu, changes, lps):
    write_nrrd(tmp_path / "a.nrrd", hu, **(NRRD | changes))
    scan = read_scan(tmp_path / "a.nrrd")
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, np.diag([-1, -1, 1, 1]) @ lps)
    assert scan.warnings == []


def test_nrrd_in_centimetres_is_placed_in_mm(tmp_path, hu):
    vectors = "(-.9,0,0) (0,0,.95) (0,1.1,0)"
    changes = {"space_units": '"cm" "cm" "cm"', "space_directions": vectors}
    write_nrrd(tmp_path / "a.nrrd", hu, **(NRRD | changes | {"space_origin": "(.1,.2,.3)"}))
    grid = read_scan(tmp_path / "a.nrrd").grid
    assert np.allclose(grid.affine, np.diag([-1, -1, 1, 1]) @ LPS)


DOUBTFUL_NRRD = {
    "no origin": ({"space_origin": None}, "no_position"),
    "origin of two": ({"space_origin": "(1,2)"}, "no_position"),
    "no space": ({"space": None}, "no_orientation"),
    "3D-right-handed": ({"space": "3D-right-handed"}, "no_orientation"),
    "no directions": ({"space_directions": None, "spacings": "9 9.5 11"}, "no_orientation"),
    "none": ({"space_directions": "none none none"}, "singular_orientation"),
    "two directions": ({"space_directions": "(-9,0,0) (0,0,9.5)"}, "no_orientation"),
    "furlongs": ({"space_units": '"furlong" "mm" "mm"'}, "bad_pixel_spacing"),
    "mixed units": ({"space_units": '"cm" "mm" "mm"'}, "bad_pixel_spacing"),
    "another dimension": ({"dimension": 4}, "damaged_file"),
    "colours": (
        {
            "dimension": 4,
            "sizes": "1 12 11 10",
            "space_directions": f"none {VECTORS}",
            "kinds": "RGB-color domain domain domain",
        },
        "colour",
    ),
}


@pytest.mark.parametrize(("changes", "code"), DOUBTFUL_NRRD.values(), ids=DOUBTFUL_NRRD)
def test_nrrd_without_a_place_is_refused(tmp_path, hu, changes, code):
    fields = {name: text for name, text in (NRRD | changes).items() if text is not None}
    write_nrrd(tmp_path / "a.nrrd", hu, **fields)
    assert codes(tmp_path / "a.nrrd") == {code}


def test_field_that_occurs_twice_is_refused(tmp_path, hu):
    write_nrrd(tmp_path / "a.nrrd", hu, **NRRD, space_origin2="(5,5,5)")
    assert codes(tmp_path / "a.nrrd") == {"doubtful_header"}
    write_metaimage(tmp_path / "a.mha", hu, **{"Offset ": "5 5 5"})
    assert codes(tmp_path / "a.mha") == {"doubtful_header"}
    write_metaimage(tmp_path / "b.mha", hu, **{"Offset ": "-120 -98 31"})
    assert codes(tmp_path / "b.mha") == set()


def test_detached_nrrd_is_read(tmp_path, hu):
    image = image_of(hu)
    sitk.WriteImage(image, str(tmp_path / "a.nhdr"))
    for path in (tmp_path, tmp_path / "a.nhdr"):
        scan = read_scan(path)
        assert np.array_equal(scan.hu, hu)
        assert np.allclose(scan.grid.affine, expected_affine(image))
    (tmp_path / "a.raw").unlink()
    assert codes(tmp_path / "a.nhdr") == {"no_pixel_data"}


# --- MetaImage --------------------------------------------------------------------------------


def write_metaimage(file, values, *, remove="", dtype="<i2", **fields):
    header = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "-1 0 0 0 0 -1 0 1 0",
        "Offset": "-120 -98 31",
        "ElementSpacing": "9 9.5 11",
        "DimSize": "12 11 10",
        "ElementType": "MET_SHORT",
    } | fields
    header.pop(remove, None)
    text = "".join(f"{name} = {value}\n" for name, value in header.items())
    content = values.astype(dtype).tobytes(order="F")
    file.write_bytes(f"{text}ElementDataFile = LOCAL\n".encode() + content)


@pytest.mark.parametrize("true", ["True", "true", "TRUE", "T", "t", "1"])
def test_booleans_are_read_like_metaio(tmp_path, hu, true):
    file = tmp_path / "a.mha"
    write_metaimage(file, hu, BinaryData=true, BinaryDataByteOrderMSB=true, dtype=">i2")
    reference = sitk.GetArrayFromImage(sitk.ReadImage(str(file))).T
    scan = read_scan(file)
    assert np.array_equal(scan.hu, hu)
    assert np.array_equal(reference, hu)


DOUBTFUL_METAIMAGE = {
    "no matrix": ({"remove": "TransformMatrix"}, "no_orientation"),
    "no offset": ({"remove": "Offset"}, "no_position"),
    "no spacing": ({"remove": "ElementSpacing"}, "bad_pixel_spacing"),
    "offset of two": ({"Offset": "1 2"}, "no_position"),
    "two names": ({"Position": "1 2 3"}, "doubtful_header"),
    "slope": ({"ElementToIntensityFunctionSlope": "2"}, "doubtful_header"),
    "offset of values": ({"ElementToIntensityFunctionOffset": "-1024"}, "doubtful_header"),
    "centimetres": ({"DistanceUnits": "cm"}, "doubtful_header"),
    "another dimension": ({"NDims": 4}, "damaged_file"),
    "time mixed with space": (
        {
            "NDims": 4,
            "DimSize": "12 11 10 1",
            "Offset": "0 0 0 0",
            "ElementSpacing": "9 9.5 11 1",
            "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 0 1 0 0 1 0",
        },
        "no_orientation",
    ),
}


@pytest.mark.parametrize(("changes", "code"), DOUBTFUL_METAIMAGE.values(), ids=DOUBTFUL_METAIMAGE)
def test_metaimage_without_a_place_is_refused(tmp_path, hu, changes, code):
    write_metaimage(tmp_path / "a.mha", hu, **changes)
    assert codes(tmp_path / "a.mha") == {code}


def test_neutral_fields_change_nothing(tmp_path, hu):
    neutral = {
        "ElementToIntensityFunctionSlope": "1.0",
        "ElementToIntensityFunctionOffset": "0",
        "DistanceUnits": "mm",
        "Position": "-120 -98 31",
    }
    write_metaimage(tmp_path / "a.mha", hu, **neutral)
    assert codes(tmp_path / "a.mha") == set()


# --- NIfTI ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Pair, nib.Nifti2Pair])
def test_pair_of_header_and_image_is_one_scan(tmp_path, hu, image_class, suffix):
    nib.save(image_class(hu, AFFINE), tmp_path / f"a.hdr{suffix}")
    assert (tmp_path / f"a.img{suffix}").exists()
    for path in (tmp_path, tmp_path / f"a.hdr{suffix}", tmp_path / f"a.img{suffix}"):
        scan = read_scan(path)
        assert np.array_equal(scan.hu, hu)
        assert np.allclose(scan.grid.affine, AFFINE)
    (source,) = discover(tmp_path)
    assert source.path.name == f"a.hdr{suffix}"
    (tmp_path / f"a.img{suffix}").unlink()
    assert codes(tmp_path / f"a.hdr{suffix}") == {"no_pixel_data"}


def test_analyze_does_not_distinguish_left_and_right(tmp_path, hu):
    nib.save(nib.AnalyzeImage(hu, AFFINE), tmp_path / "a.hdr")
    assert codes(tmp_path / "a.hdr") == {"no_orientation"}


def edit_header(file, **values):
    content = file.read_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in values.items():
        header[name] = value
    file.write_bytes(header.binaryblock + content[348:])


@pytest.mark.parametrize("slope", [0, np.nan])
def test_scale_of_0_or_nan_is_no_scale(tmp_path, hu, slope):
    nib.save(nib.Nifti1Image(hu, AFFINE), tmp_path / "a.nii")
    edit_header(tmp_path / "a.nii", scl_slope=slope, scl_inter=7)
    assert np.array_equal(read_scan(tmp_path / "a.nii").hu, hu)


@pytest.mark.parametrize(("slope", "inter"), [(np.inf, 0), (1, np.nan), (2, np.inf)])
def test_scale_that_is_no_number_is_refused(tmp_path, hu, slope, inter):
    nib.save(nib.Nifti1Image(hu, AFFINE), tmp_path / "a.nii")
    edit_header(tmp_path / "a.nii", scl_slope=slope, scl_inter=inter)
    assert codes(tmp_path / "a.nii") == {"no_rescale"}


def test_big_endian_nifti_is_read(tmp_path, hu):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nib.save(nib.Nifti1Image(hu, AFFINE, header), tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes()[:4] == (348).to_bytes(4, "big")
    assert np.array_equal(read_scan(tmp_path / "a.nii").hu, hu)


def test_pixdim_that_contradicts_the_sform_is_flagged(tmp_path, hu):
    nib.save(nib.Nifti1Image(hu, AFFINE), tmp_path / "a.nii")
    edit_header(tmp_path / "a.nii", pixdim=[1, 9, 9.5, 9, 0, 0, 0, 0])
    scan = read_scan(tmp_path / "a.nii")
    assert np.allclose(scan.grid.affine, AFFINE)
    assert [finding.code for finding in scan.check.findings] == ["spacing_conflict"]


def test_mirrored_qform_is_flagged_wherever_the_two_meet(tmp_path, hu):
    """A mirror through its own middle moves the other corners."""
    image = nib.Nifti1Image(hu, AFFINE)
    image.set_qform(AFFINE @ np.diag([1, -1, 1, 1]), code=1)
    nib.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert [finding.code for finding in scan.check.findings] == ["orientation_conflict"]


# --- companions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
def test_companions_of_macos_are_no_scans(tmp_path, hu, name):
    sitk.WriteImage(image_of(hu), str(tmp_path / name))
    (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(200))
    shutil.copy(tmp_path / name, tmp_path / f".{name}")
    assert np.array_equal(read_scan(tmp_path).hu, hu)
    assert [source.name for source in discover(tmp_path)] == [tmp_path.name]


def test_compressed_file_without_its_suffix_is_read(tmp_path, hu):
    content = nib.Nifti1Image(hu, AFFINE).to_bytes()
    (tmp_path / "a.nii").write_bytes(gzip.compress(content))
    assert np.array_equal(read_scan(tmp_path / "a.nii").hu, hu)
