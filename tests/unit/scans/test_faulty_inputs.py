"""Faulty inputs: each is refused in one line that names it, or read right by a stated rule."""

import gzip
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lungcam.errors import InputError
from lungcam.scans import check_scan, read_scan

AFFINE = np.diag([9, 9.5, 11, 1])


@pytest.fixture
def series(tmp_path, hu, write_series):
    """(folder, files in order of position) of a series without a fault."""
    _, _, files = write_series(tmp_path / "series", hu)
    return tmp_path / "series", files


def examine(path, code, outcome, **settings):
    """Check that a fault is found, and nothing but refusal or a reading comes of it."""
    check, scan = check_scan(path, **settings)
    found = {(one.code, one.outcome) for one in check.findings}
    assert (code, outcome) in found, check.line
    assert "\n" not in check.line
    assert (scan is not None) == check.usable == (not check.with_outcome("refused"))
    if scan is None:
        with pytest.raises(InputError) as caught:
            read_scan(path, **settings)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        for one in check.with_outcome("refused"):
            assert one.message in str(caught.value)
            assert one.remedy in str(caught.value)
            assert one.remedy
    else:
        assert read_scan(path, **settings).warnings == scan.warnings
    return check, scan


DECIMAL = ("ImagePositionPatient", "PixelSpacing", "RescaleSlope")

# --- one attribute of every slice, or of the third alone -------------------------------------

REFUSED = {
    "no position": ({"ImagePositionPatient": None}, "no_position"),
    "empty position": ({"ImagePositionPatient": []}, "no_position"),
    "two coordinates": ({"ImagePositionPatient": [1, 2]}, "no_position"),
    "position is no number": ({"ImagePositionPatient": "a\\b\\c"}, "no_position"),
    "position is NaN": ({"ImagePositionPatient": "0\\0\\nan"}, "no_position"),
    "no orientation": ({"ImageOrientationPatient": None}, "no_orientation"),
    "orientation of zeros": ({"ImageOrientationPatient": [0] * 6}, "no_orientation"),
    "orientation not at a right angle": (
        {"ImageOrientationPatient": [1, 0, 0, 0.6, 0.8, 0]},
        "no_orientation",
    ),
    "no pixel spacing": ({"PixelSpacing": None}, "bad_pixel_spacing"),
    "one pixel spacing": ({"PixelSpacing": [1]}, "bad_pixel_spacing"),
    "pixel spacing 0": ({"PixelSpacing": [0, 0]}, "bad_pixel_spacing"),
    "negative pixel spacing": ({"PixelSpacing": [-9, 9]}, "bad_pixel_spacing"),
    "pixel spacing with commas": ({"PixelSpacing": "9,5\\9,0"}, "bad_pixel_spacing"),
    "no slope": ({"RescaleSlope": None}, "no_rescale"),
    "no intercept": ({"RescaleIntercept": None}, "no_rescale"),
    "slope 0": ({"RescaleSlope": 0}, "no_rescale"),
    "negative slope": ({"RescaleSlope": -1}, "no_rescale"),
    "slope is no number": ({"RescaleSlope": "one"}, "no_rescale"),
    "no pixel data": ({"PixelData": None}, "no_pixel_data"),
    "empty pixel data": ({"PixelData": b""}, "no_pixel_data"),
    "pixel data too short": ({"PixelData": bytes(100)}, "truncated_file"),
    "pixel data too long": ({"PixelData": bytes(1000)}, "pixel_mismatch"),
    "no rows": ({"Rows": None}, "no_size"),
    "no columns": ({"Columns": 0}, "no_size"),
    "no series UID": ({"SeriesInstanceUID": None}, "no_series_uid"),
    "bits that cannot be": ({"BitsStored": 17}, "bad_bits"),
    "high bit that cannot be": ({"HighBit": 3}, "bad_bits"),
    "no modality": ({"Modality": None}, "no_modality"),
    "optical density": ({"RescaleType": "OD"}, "rescale_type"),
    "electron density": ({"RescaleType": "ED"}, "rescale_type"),
}


@pytest.mark.parametrize("every", [True, False], ids=["all slices", "one slice"])
@pytest.mark.parametrize(("attributes", "code"), REFUSED.values(), ids=REFUSED)
def test_faulty_attribute(series, edit, plant, attributes, code, every):
    folder, files = series
    for file in files if every else files[3:4]:
        for name, value in attributes.items():
            if isinstance(value, str) and name in DECIMAL:
                plant(file, name, value)
            else:
                edit(file, **{name: value})
    check, _ = examine(folder, code, "refused")
    (finding,) = (one for one in check.findings if one.code == code)
    assert f"{10 if every else 1} file(s)" in finding.message
    assert (min(files) if every else files[3]).name in finding.message


# --- a series as a whole ------------------------------------------------------------------------


class Bench:
    """What a case may use to spoil a series."""

    def __init__(self, folder, files, hu, edit, write_series):
        self.folder, self.files, self.hu = folder, files, hu
        self.edit, self.write_series = edit, write_series

    def edit_all(self, **attributes):
        for file in self.files:
            self.edit(file, **attributes)

    def cut(self, length, at=3):
        content = self.files[at].read_bytes()
        self.files[at].write_bytes(content[:length])

    def stored(self, values, **attributes):
        """Write a series anew of `(W, H, D)` stored values."""
        shutil.rmtree(self.folder)
        self.write_series(self.folder, values, rescale=((1, 0),), **attributes)

    def add(self, hu, prefix="other", **settings):
        """Put a second series into the folder."""
        _, _, files = self.write_series(self.folder.parent / prefix, hu, **settings)
        for file in files:
            shutil.move(file, self.folder / f"{prefix}_{file.name}")

    def shift(self, at, by):
        """Move a slice by mm."""
        position = np.array(pydicom.dcmread(self.files[at]).ImagePositionPatient, float)
        self.edit(self.files[at], ImagePositionPatient=[f"{mm:.6g}" for mm in position + by])


def one_missing(b):
    b.files[4].unlink()


def three_missing_at_two_places(b):
    for at in (2, 6, 7):
        b.files[at].unlink()


def uneven(b):
    b.shift(4, (0, 0, 5))


def wider_and_wider(b):
    for k in range(5, 10):
        b.shift(k, (0, 0, 0.9 * (k - 4) ** 2))


def slowly_wider(b):
    for k in range(10):
        b.shift(k, (0, 0, 0.2 * k**2 - k))


def tilt(b):
    for k in range(10):
        b.shift(k, (0, 2 * k, 0))


def sideways(b):
    b.shift(4, (6, 0, 0))


def repeated_with_other_pixels(b):
    shutil.copy(b.files[2], b.folder / "copy")
    b.edit(b.folder / "copy", PixelData=bytes(b.hu[:, :, 0].nbytes))


def repeated_file(b):
    shutil.copy(b.files[2], b.folder / "copy")


def whole_series_twice(b):
    for file in b.files:
        shutil.copy(file, b.folder / f"again_{file.name}")


def other_kernel_within(b):
    b.edit(b.files[4], ConvolutionKernel="B70f")


def two_kernels(b):
    uid = pydicom.dcmread(b.files[0]).SeriesInstanceUID
    b.add(b.hu, uid=uid, ConvolutionKernel="B70f", seed=1)


def coronal_among_axial(b):
    b.edit(b.files[9], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])


def empty_slice(b):
    b.files[9].write_bytes(b"")


def junk_dcm(b):
    (b.folder / "slice.dcm").write_bytes(b"not dicom at all" * 100)


def stray_files(b):
    for name in ("a.xml", "b.txt", "Thumbs.db", "README", ".DS_Store", "._image", "c.txt"):
        (b.folder / name).write_bytes(b"whatever it is, it is no slice " * 20)
    shutil.copy(b.files[0], b.folder / "DICOMDIR")


def only_strays(b):
    stray_files(b)
    for file in b.files:
        file.unlink()


def only_one(b):
    for file in b.files[1:]:
        file.unlink()


def nine_slices(b):
    b.files[9].unlink()


def short_coverage(b):
    shutil.rmtree(b.folder)
    b.write_series(b.folder, b.hu, spacing=(0.7, 0.7, 2.5))


def beside(**attributes):
    """Put one more object, changed so, into the folder."""

    def spoil(b):
        shutil.copy(b.files[0], b.folder / "more")
        b.edit(b.folder / "more", **attributes)

    return spoil


def everywhere(**attributes):
    return lambda b: b.edit_all(**attributes)


def in_metres(b):
    shutil.rmtree(b.folder)
    b.write_series(b.folder, b.hu, spacing=(0.009, 0.0095, 0.011))


def in_micrometres(b):
    shutil.rmtree(b.folder)
    b.write_series(b.folder, b.hu, spacing=(9000, 9500, 11000))


def several_folders(b):
    b.write_series(b.folder / "second", b.hu)


SERIES = {
    "one slice missing": (one_missing, "missing_slices", "refused"),
    "three missing at two places": (three_missing_at_two_places, "missing_slices", "refused"),
    "one slice off its place": (uneven, "uneven_spacing", "refused"),
    "gaps that grow": (wider_and_wider, "uneven_spacing", "refused"),
    "gaps that grow slowly": (slowly_wider, "uneven_spacing", "refused"),
    "gantry tilt": (tilt, "gantry_tilt", "refused"),
    "one slice sideways": (sideways, "shifted_slices", "refused"),
    "repeated, other pixels": (repeated_with_other_pixels, "duplicate_positions", "refused"),
    "repeated file": (repeated_file, "duplicate_positions", "repaired"),
    "whole series twice": (whole_series_twice, "duplicate_positions", "repaired"),
    "other kernel within, hole": (other_kernel_within, "missing_slices", "refused"),
    "other kernel within, cause": (other_kernel_within, "mixed_kernel", "refused"),
    "two kernels": (two_kernels, "mixed_kernel", "skipped"),
    "two series": (lambda b: b.add(b.hu[:, :, :4]), "mixed_series", "skipped"),
    "one coronal": (coronal_among_axial, "mixed_orientation", "skipped"),
    "one of another size": (
        lambda b: b.edit(b.files[0], Rows=10, PixelData=bytes(240)),
        "mixed_size",
        "skipped",
    ),
    "one of another pixel spacing": (
        lambda b: b.edit(b.files[0], PixelSpacing=[8, 8]),
        "mixed_spacing",
        "skipped",
    ),
    "localizer beside": (
        beside(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "localizer",
        "skipped",
    ),
    "localizers only": (
        everywhere(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "localizer",
        "refused",
    ),
    "MIP beside": (beside(ImageType=["DERIVED", "SECONDARY", "MIP"]), "projection", "skipped"),
    "MIPs only": (everywhere(ImageType=["DERIVED", "PRIMARY", "MIP"]), "projection", "refused"),
    "screen save beside": (
        beside(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "screen_save",
        "skipped",
    ),
    "screen saves only": (
        everywhere(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "screen_save",
        "refused",
    ),
    "structure set beside": (beside(Modality="RTSTRUCT"), "wrong_modality", "skipped"),
    "segmentation beside": (beside(Modality="SEG"), "wrong_modality", "skipped"),
    "PET beside": (beside(Modality="PT"), "wrong_modality", "skipped"),
    "MR only": (everywhere(Modality="MR"), "wrong_modality", "refused"),
    "dose only": (everywhere(Modality="RTDOSE"), "wrong_modality", "refused"),
    "no such modality": (everywhere(Modality="NONSENSE"), "wrong_modality", "refused"),
    "colours": (
        everywhere(SamplesPerPixel=3, PhotometricInterpretation="RGB"),
        "colour",
        "refused",
    ),
    "palette": (everywhere(PhotometricInterpretation="PALETTE COLOR"), "colour", "refused"),
    "many frames": (everywhere(NumberOfFrames=10), "multi_frame", "refused"),
    "enhanced CT": (
        everywhere(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1"),
        "multi_frame",
        "refused",
    ),
    "pixels cut": (lambda b: b.cut(-20), "truncated_file", "refused"),
    "pixels cut to one byte": (lambda b: b.cut(-263), "truncated_file", "refused"),
    "header cut": (lambda b: b.cut(600), "truncated_file", "refused"),
    "header cut early": (lambda b: b.cut(300), "truncated_file", "refused"),
    "first slice cut": (lambda b: b.cut(-1, at=0), "truncated_file", "refused"),
    "empty slice": (empty_slice, "empty_file", "refused"),
    "empty .dcm": (lambda b: (b.folder / "a.dcm").touch(), "empty_file", "refused"),
    "empty text": (lambda b: (b.folder / "a.txt").touch(), "empty_file", "skipped"),
    "link to nothing": (
        lambda b: (b.folder / "image999").symlink_to(b.folder / "gone"),
        "empty_file",
        "refused",
    ),
    "junk named .dcm": (junk_dcm, "damaged_file", "refused"),
    "stray files": (stray_files, "stray_file", "skipped"),
    "strays only": (only_strays, "no_ct", "refused"),
    "a single slice": (only_one, "image_2d", "refused"),
    "nine slices": (nine_slices, "too_few_slices", "refused"),
    "25 mm": (short_coverage, "too_few_slices", "refused"),
    "lossy once": (everywhere(LossyImageCompression="01"), "lossy", "flagged"),
    "modified HU": (everywhere(RescaleType="HU_MOD"), "odd_rescale_type", "flagged"),
    "metres": (in_metres, "implausible_spacing", "refused"),
    "micrometres": (in_micrometres, "implausible_spacing", "refused"),
    "several folders": (several_folders, "several_scans", "refused"),
    "intercept forgotten": (everywhere(RescaleIntercept=0), "not_hu", "refused"),
    "intercept twice": (everywhere(RescaleIntercept=-2048), "not_hu", "refused"),
    "slope of 2": (everywhere(RescaleSlope=20), "not_hu", "refused"),
    "values 0 to 255": (lambda b: b.stored((b.hu + 1000) // 6), "not_hu", "refused"),
    "values 0 and 1": (lambda b: b.stored((b.hu > 0).astype(np.int16)), "not_hu", "refused"),
    "one value": (lambda b: b.stored(np.full_like(b.hu, -1000)), "not_hu", "refused"),
    "nothing but padding": (lambda b: b.stored(np.full_like(b.hu, -2000)), "not_hu", "refused"),
    "negated": (lambda b: b.stored(-b.hu), "not_hu", "refused"),
    "wrapped to unsigned": (
        lambda b: b.stored(b.hu, PixelRepresentation=0),
        "int16_overflow",
        "refused",
    ),
    "slope beyond int16": (everywhere(RescaleSlope=1000), "int16_overflow", "refused"),
}


@pytest.mark.parametrize(("spoil", "code", "outcome"), SERIES.values(), ids=SERIES)
def test_faulty_series(series, hu, edit, write_series, spoil, code, outcome):
    folder, files = series
    spoil(Bench(folder, files, hu, edit, write_series))
    _, scan = examine(folder, code, outcome)
    if scan is not None:
        # what is unlike the others at an end is left aside, and nothing else is lost
        assert any(np.array_equal(scan.hu, one) for one in (hu, hu[:, :, 1:], hu[:, :, :-1]))


def test_all_faults_are_named(series, edit):
    folder, files = series
    edit(files[1], RescaleSlope=None)
    edit(files[3], ImagePositionPatient=None)
    edit(files[5], PixelData=bytes(4))
    files[7].unlink()
    (folder / "z.dcm").touch()
    check, _ = examine(folder, "no_rescale", "refused")
    codes = {one.code for one in check.with_outcome("refused")}
    assert codes == {"no_rescale", "no_position", "truncated_file", "missing_slices", "empty_file"}


def test_file_that_cannot_be_read(series):
    folder, _ = series
    if not Path("/proc/self/mem").exists():
        pytest.skip("no file here that opens and cannot be read")
    (folder / "image999").symlink_to("/proc/self/mem")
    examine(folder, "unreadable", "refused")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all files")
@pytest.mark.parametrize("what", ["slice", "folder"])
def test_no_right_to_read(series, what):
    folder, files = series
    target = files[3] if what == "slice" else folder
    target.chmod(0)
    try:
        examine(folder, "unreadable", "refused")
    finally:
        target.chmod(0o700)


# --- volume files -------------------------------------------------------------------------------


def nifti(file, values, affine=AFFINE, sform=1, qform=1, **header):
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, sform)
    # a qform cannot hold any matrix
    image.set_qform(AFFINE, qform)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, file)


def nrrd_or_meta(file, values):
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing((9, 9.5, 11))
    sitk.WriteImage(image, str(file), useCompression=file.name.startswith("packed"))


def rewrite(file, old, new):
    content = file.read_bytes()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, new))


def cut(file, length):
    file.write_bytes(file.read_bytes()[:length])


def without_line(file, name):
    lines = file.read_bytes().split(b"\n")
    kept = [line for line in lines if not line.startswith(name)]
    assert len(kept) == len(lines) - 1
    file.write_bytes(b"\n".join(kept))


def with_value(hu, value):
    values = hu.astype(np.float64)
    values[3, 2, 1] = value
    return values


def singular():
    affine = AFFINE.astype(float)
    affine[:3, 2] = affine[:3, 1]
    return affine


def sheared():
    affine = AFFINE.astype(float)
    affine[0, 2] = 3
    return affine


def damaged_end(file):
    content = bytearray(file.read_bytes())
    content[-6] ^= 255  # in gzip's checksum
    file.write_bytes(content)


def zeros_in_raw(file, at, count):
    raw = next(one for one in (file.with_suffix(".raw"), file.with_suffix(".zraw")) if one.exists())
    content = bytearray(raw.read_bytes())
    content[at : at + count] = bytes(count)
    raw.write_bytes(content)


COLOURS = np.dtype([(name, "u1") for name in "RGB"])
# name: file name, how it is written, how it is spoilt, code, outcome
VOLUMES = {
    "no sform, no qform": ("a.nii", lambda f, hu: nifti(f, hu, sform=0, qform=0), "no_orientation"),
    "sform singular": (
        "a.nii",
        lambda f, hu: (nifti(f, hu), rewrite_sform(f, singular())),
        "singular_orientation",
    ),
    "sform of NaN": (
        "a.nii",
        lambda f, hu: (nifti(f, hu), rewrite_sform(f, AFFINE * np.nan)),
        "singular_orientation",
    ),
    "sheared": ("a.nii.gz", lambda f, hu: nifti(f, hu, sheared()), "gantry_tilt"),
    "spacing 0 in a qform": (
        "a.nii",
        lambda f, hu: (nifti(f, hu, sform=0), rewrite_pixdim(f, 0)),
        "bad_pixel_spacing",
    ),
    "volume in time": (
        "a.nii.gz",
        lambda f, hu: nifti(f, np.stack([hu, hu], axis=-1)),
        "not_3d",
    ),
    "complex": ("a.nii.gz", lambda f, hu: nifti(f, hu.astype(np.complex64)), "colour"),
    "RGB": ("a.nii.gz", lambda f, hu: nifti(f, np.zeros(hu.shape, COLOURS)), "colour"),
    "nii cut": ("a.nii", lambda f, hu: (nifti(f, hu), cut(f, 1000)), "truncated_file"),
    "nii.gz cut": ("a.nii.gz", lambda f, hu: (nifti(f, hu), cut(f, 1000)), "truncated_file"),
    "nii cut in its header": ("a.nii", lambda f, hu: (nifti(f, hu), cut(f, 200)), "damaged_file"),
    "checksum wrong": ("a.nii.gz", lambda f, hu: (nifti(f, hu), damaged_end(f)), "damaged_file"),
    "no NIfTI": ("a.nii.gz", lambda f, hu: f.write_bytes(b"hello" * 100), "damaged_file"),
    "gzip of nothing": (
        "a.nii.gz",
        lambda f, hu: f.write_bytes(gzip.compress(b"")),
        "damaged_file",
    ),
    "empty nii": ("a.nii", lambda f, hu: f.touch(), "empty_file"),
    "empty mha": ("a.mha", lambda f, hu: f.touch(), "empty_file"),
    "empty nrrd": ("a.nrrd", lambda f, hu: f.touch(), "empty_file"),
    "two dimensions": ("a.nii", lambda f, hu: nifti(f, hu[:, :, 0]), "image_2d"),
    "one slice nii": ("a.nii", lambda f, hu: nifti(f, hu[:, :, :1]), "image_2d"),
    "one slice mha": ("a.mha", lambda f, hu: nrrd_or_meta(f, hu[:, :, :1]), "image_2d"),
    "NaN": ("a.nii.gz", lambda f, hu: nifti(f, with_value(hu, np.nan)), "not_finite"),
    "infinity": ("a.mha", lambda f, hu: nrrd_or_meta(f, with_value(hu, np.inf)), "not_finite"),
    "NaN in nrrd": ("a.nrrd", lambda f, hu: nrrd_or_meta(f, with_value(hu, np.nan)), "not_finite"),
    "beyond int16": (
        "a.nii.gz",
        lambda f, hu: nifti(f, with_value(hu, 1e5)),
        "int16_overflow",
    ),
    "wrapped uint16": (
        "a.mha",
        lambda f, hu: nrrd_or_meta(f, hu.astype(np.uint16)),
        "int16_overflow",
    ),
    "metres": ("a.nii", lambda f, hu: nifti(f, hu, AFFINE / 1000), "implausible_spacing"),
    "micrometres": ("a.nii", lambda f, hu: nifti(f, hu, AFFINE * 1000.0), "implausible_spacing"),
    "a crop taken for a chest": ("a.nii", lambda f, hu: nifti(f, hu[:, :, :9]), "too_few_slices"),
    "values from 0": ("a.nrrd", lambda f, hu: nrrd_or_meta(f, hu + np.int16(1024)), "not_hu"),
    "values 0 to 1": (
        "a.nii",
        lambda f, hu: nifti(f, ((hu + 1000) / 1400).astype(np.float32)),
        "not_hu",
    ),
    "mask for a scan": ("a.nii", lambda f, hu: nifti(f, (hu > 0).astype(np.uint8)), "not_hu"),
    "mhd without raw": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), f.with_suffix(".raw").unlink()),
        "no_pixel_data",
    ),
    "raw cut": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), cut(f.with_suffix(".raw"), 100)),
        "truncated_file",
    ),
    "raw of another size": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), f.with_suffix(".raw").write_bytes(bytes(9999))),
        "pixel_mismatch",
    ),
    "zraw cut": (
        "packed.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), cut(f.with_suffix(".zraw"), 500)),
        "truncated_file",
    ),
    "zraw damaged": (
        "packed.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), zeros_in_raw(f, 300, 200)),
        "damaged_file",
    ),
    "mha cut": ("a.mha", lambda f, hu: (nrrd_or_meta(f, hu), cut(f, 1000)), "truncated_file"),
    "packed mha cut": (
        "packed.mha",
        lambda f, hu: (nrrd_or_meta(f, hu), cut(f, 1000)),
        "truncated_file",
    ),
    "no mhd": ("a.mhd", lambda f, hu: f.write_bytes(b"hello"), "damaged_file"),
    "mhd without matrix": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), without_line(f, b"TransformMatrix")),
        "no_orientation",
    ),
    "mhd with a singular matrix": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), rewrite(f, b"1 0 0 0 1 0 0 0 1", b"1 0 0 0 1 0 0 1 0")),
        "singular_orientation",
    ),
    "mhd without spacing": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), without_line(f, b"ElementSpacing")),
        "bad_pixel_spacing",
    ),
    "mhd with half a matrix": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), rewrite(f, b"1 0 0 0 1 0 0 0 1", b"1 0 0 0")),
        "no_orientation",
    ),
    "mhd with a list": (
        "a.mhd",
        lambda f, hu: (nrrd_or_meta(f, hu), rewrite(f, b"a.raw", b"LIST")),
        "split_volume",
    ),
    "nrrd without space": (
        "a.nrrd",
        lambda f, hu: (nrrd_or_meta(f, hu), without_line(f, b"space:")),
        "no_orientation",
    ),
    "nrrd without directions": (
        "a.nrrd",
        lambda f, hu: (nrrd_or_meta(f, hu), without_line(f, b"space directions:")),
        "no_orientation",
    ),
    "nrrd with singular directions": (
        "a.nrrd",
        lambda f, hu: (nrrd_or_meta(f, hu), rewrite(f, b"(0,0,11)", b"(0,11,0)")),
        "singular_orientation",
    ),
    "nrrd cut": ("a.nrrd", lambda f, hu: (nrrd_or_meta(f, hu), cut(f, 1000)), "damaged_file"),
    "no nrrd": ("a.nrrd", lambda f, hu: f.write_bytes(b"hello"), "damaged_file"),
    "text": ("a.txt", lambda f, hu: f.write_bytes(b"hello"), "not_a_scan"),
    "one DICOM file": ("a.dcm", lambda f, hu: f.write_bytes(bytes(128) + b"DICM"), "not_a_scan"),
    "nothing": ("a.nii", lambda f, hu: None, "not_found"),
}


def rewrite_sform(file, affine):
    content = bytearray(file.read_bytes())
    content[280:328] = np.asarray(affine[:3], "<f4").tobytes()
    file.write_bytes(content)


def rewrite_pixdim(file, value):
    content = bytearray(file.read_bytes())
    content[80:84] = np.float32(value).tobytes()
    file.write_bytes(content)


@pytest.mark.parametrize(("name", "write", "code"), VOLUMES.values(), ids=VOLUMES)
def test_faulty_volume(tmp_path, hu, capfd, name, write, code):
    write(tmp_path / name, hu)
    examine(tmp_path / name, code, "refused")
    assert capfd.readouterr() == ("", "")


def test_sform_and_qform_that_differ_are_flagged(tmp_path, hu):
    flipped = np.diag([-9.0, 9.5, 11, 1])
    nifti(tmp_path / "a.nii", hu, flipped)
    _, scan = examine(tmp_path / "a.nii", "orientation_conflict", "flagged")
    assert np.array_equal(scan.grid.affine, flipped)


def test_crop_is_judged_gently(tmp_path, hu):
    lung = np.random.default_rng(0).normal(-850, 40, (9, 9, 2)).astype(np.int16)
    nifti(tmp_path / "a.nii", lung)
    assert np.array_equal(read_scan(tmp_path / "a.nii", whole_chest=False).hu, lung)
    for fault in (lung + 1024, lung * 0, lung - 1000):
        nifti(tmp_path / "b.nii", fault.astype(np.int16))
        examine(tmp_path / "b.nii", "not_hu", "refused", whole_chest=False)
    nifti(tmp_path / "c.nii", lung[:, :, :1])
    examine(tmp_path / "c.nii", "image_2d", "refused", whole_chest=False)


# --- properties ---------------------------------------------------------------------------------

SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SHARED
@given(missing=st.sets(st.integers(1, 13), min_size=1, max_size=3))
def test_every_missing_slice_inside_is_counted(tmp_path_factory, hu, write_series, missing):
    folder = tmp_path_factory.mktemp("series")
    _, _, files = write_series(folder, np.tile(hu[:4, :4], (1, 1, 2))[:, :, :15])
    for k in missing:
        files[k].unlink()
    check, _ = examine(folder, "missing_slices", "refused")
    (finding,) = check.with_outcome("refused")
    assert finding.message.startswith(f"{len(missing)} slice(s) missing")
    assert files[min(missing) - 1].name in finding.message


@SHARED
@given(order=st.permutations(range(10)))
def test_names_of_the_files_change_nothing(tmp_path_factory, hu, write_series, order):
    folder = tmp_path_factory.mktemp("series")
    _, affine, files = write_series(folder, hu)
    for file, k in zip(files, order, strict=True):
        file.rename(folder / f"{k:02d}.dcm")
    scan = read_scan(folder)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, affine)


@SHARED
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, hu, write_series, share):
    folder = tmp_path_factory.mktemp("series")
    _, _, files = write_series(folder, hu)
    content = files[4].read_bytes()
    files[4].write_bytes(content[: int(share * len(content))])
    check, scan = check_scan(folder)
    assert scan is None
    assert files[4].name in check.line


@SHARED
@given(damage=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=5))
def test_damaged_bytes_never_end_in_another_error(tmp_path_factory, hu, write_series, damage):
    folder = tmp_path_factory.mktemp("series")
    _, _, files = write_series(folder, hu)
    content = bytearray(files[4].read_bytes())
    for at, value in damage:
        content[at] = value
    files[4].write_bytes(content)
    check, scan = check_scan(folder)
    assert (scan is not None) == check.usable
