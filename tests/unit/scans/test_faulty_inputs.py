"""Tests of faulty inputs: each is refused in one line that names it, or repaired by a rule."""

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
    """Return the folder and the files, in order of position, of a series without a fault."""
    _, _, files = write_series(tmp_path / "series", hu)
    return tmp_path / "series", files


def examine(path, code, outcome, **settings):
    """Check that a fault is reported and that the scan is either refused or read."""
    check, scan = check_scan(path, **settings)
    findings = {(finding.code, finding.outcome) for finding in check.findings}
    assert (code, outcome) in findings, check.line
    assert "\n" not in check.line
    assert (scan is not None) == check.usable == (not check.with_outcome("refused"))
    if scan is None:
        with pytest.raises(InputError) as caught:
            read_scan(path, **settings)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        for finding in check.with_outcome("refused"):
            assert finding.message in str(caught.value)
            assert finding.remedy in str(caught.value)
            assert finding.remedy
    else:
        assert read_scan(path, **settings).warnings == scan.warnings
    return check, scan


DECIMAL = ("ImagePositionPatient", "PixelSpacing", "RescaleSlope")

# --- an attribute of every slice, or of the fourth alone -------------------------------------

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
def test_faulty_attribute_is_refused(series, edit, write_text_value, attributes, code, every):
    folder, files = series
    for file in files if every else files[3:4]:
        for name, value in attributes.items():
            if isinstance(value, str) and name in DECIMAL:
                write_text_value(file, name, value)
            else:
                edit(file, **{name: value})
    check, _ = examine(folder, code, "refused")
    (finding,) = (finding for finding in check.findings if finding.code == code)
    assert f"{10 if every else 1} file(s)" in finding.message
    assert (min(files) if every else files[3]).name in finding.message


# --- a whole series ------------------------------------------------------------------------


class EditableSeries:
    """Series to damage."""

    def __init__(self, folder, files, hu, edit, write_series):
        self.folder, self.files, self.hu = folder, files, hu
        self.edit, self.write_series = edit, write_series

    def edit_all(self, **attributes):
        for file in self.files:
            self.edit(file, **attributes)

    def truncate(self, length, k=3):
        content = self.files[k].read_bytes()
        self.files[k].write_bytes(content[:length])

    def rewrite_stored(self, values, **attributes):
        """Write the series again from `(W, H, D)` stored values."""
        shutil.rmtree(self.folder)
        self.write_series(self.folder, values, rescale=((1, 0),), **attributes)

    def add(self, hu, prefix="other", **settings):
        """Add a second series to the folder."""
        _, _, files = self.write_series(self.folder.parent / prefix, hu, **settings)
        for file in files:
            shutil.move(file, self.folder / f"{prefix}_{file.name}")

    def shift(self, k, offset):
        """Move a slice by an offset in mm."""
        position = np.array(pydicom.dcmread(self.files[k]).ImagePositionPatient, float)
        self.edit(self.files[k], ImagePositionPatient=[f"{mm:.6g}" for mm in position + offset])


def remove_a_slice(s):
    s.files[4].unlink()


def remove_three_slices(s):
    for k in (2, 6, 7):
        s.files[k].unlink()


def shift_a_slice(s):
    s.shift(4, (0, 0, 5))


def widen_gaps_quickly(s):
    for k in range(5, 10):
        s.shift(k, (0, 0, 0.9 * (k - 4) ** 2))


def widen_gaps_slowly(s):
    for k in range(10):
        s.shift(k, (0, 0, 0.2 * k**2 - k))


def shift_a_slice_sideways(s):
    s.shift(4, (6, 0, 0))


def repeat_a_slice_with_other_pixels(s):
    shutil.copy(s.files[2], s.folder / "copy")
    s.edit(s.folder / "copy", PixelData=bytes(s.hu[:, :, 0].nbytes))


def repeat_a_slice(s):
    shutil.copy(s.files[2], s.folder / "copy")


def repeat_all_slices(s):
    for file in s.files:
        shutil.copy(file, s.folder / f"again_{file.name}")


def change_kernel_of_a_slice(s):
    s.edit(s.files[4], ConvolutionKernel="B70f")


def add_another_kernel(s):
    uid = pydicom.dcmread(s.files[0]).SeriesInstanceUID
    s.add(s.hu, uid=uid, ConvolutionKernel="B70f", seed=1)


def make_a_slice_coronal(s):
    s.edit(s.files[9], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])


def empty_a_slice(s):
    s.files[9].write_bytes(b"")


def add_invalid_dcm(s):
    (s.folder / "slice.dcm").write_bytes(b"not dicom at all" * 100)


def add_stray_files(s):
    for name in ("a.xml", "b.txt", "Thumbs.db", "README", ".DS_Store", "._image", "c.txt"):
        (s.folder / name).write_bytes(b"whatever it is, it is no slice " * 20)
    shutil.copy(s.files[0], s.folder / "DICOMDIR")


def keep_only_stray_files(s):
    add_stray_files(s)
    for file in s.files:
        file.unlink()


def keep_one_slice(s):
    for file in s.files[1:]:
        file.unlink()


def keep_nine_slices(s):
    s.files[9].unlink()


def shorten_coverage(s):
    shutil.rmtree(s.folder)
    s.write_series(s.folder, s.hu, spacing=(0.7, 0.7, 2.5))


def add_object(**attributes):
    """Return a function that adds an object with some changed attributes to the folder."""

    def damage(s):
        shutil.copy(s.files[0], s.folder / "more")
        s.edit(s.folder / "more", **attributes)

    return damage


def edit_all_slices(**attributes):
    return lambda s: s.edit_all(**attributes)


def write_in_metres(s):
    shutil.rmtree(s.folder)
    s.write_series(s.folder, s.hu, spacing=(0.009, 0.0095, 0.011))


def write_in_micrometres(s):
    shutil.rmtree(s.folder)
    s.write_series(s.folder, s.hu, spacing=(9000, 9500, 11000))


def add_second_folder(s):
    s.write_series(s.folder / "second", s.hu)


SERIES = {
    "one slice missing": (remove_a_slice, "missing_slices", "refused"),
    "three missing at two places": (remove_three_slices, "missing_slices", "refused"),
    "one slice shifted": (shift_a_slice, "uneven_spacing", "refused"),
    "gaps that grow": (widen_gaps_quickly, "uneven_spacing", "refused"),
    "gaps that grow slowly": (widen_gaps_slowly, "uneven_spacing", "refused"),
    "one slice sideways": (shift_a_slice_sideways, "shifted_slices", "refused"),
    "repeated, other pixels": (repeat_a_slice_with_other_pixels, "duplicate_positions", "refused"),
    "repeated file": (repeat_a_slice, "duplicate_positions", "repaired"),
    "whole series twice": (repeat_all_slices, "duplicate_positions", "repaired"),
    "other kernel within, hole": (change_kernel_of_a_slice, "missing_slices", "refused"),
    "other kernel within, cause": (change_kernel_of_a_slice, "mixed_kernel", "refused"),
    "two kernels": (add_another_kernel, "mixed_kernel", "skipped"),
    "two series": (lambda s: s.add(s.hu[:, :, :4]), "mixed_series", "skipped"),
    "one coronal": (make_a_slice_coronal, "mixed_orientation", "skipped"),
    "one of another size": (
        lambda s: s.edit(s.files[0], Rows=10, PixelData=bytes(240)),
        "mixed_size",
        "skipped",
    ),
    "one of another pixel spacing": (
        lambda s: s.edit(s.files[0], PixelSpacing=[8, 8]),
        "mixed_spacing",
        "skipped",
    ),
    "localizer next to slices": (
        add_object(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "localizer",
        "skipped",
    ),
    "localizers only": (
        edit_all_slices(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "localizer",
        "refused",
    ),
    "MIP next to slices": (
        add_object(ImageType=["DERIVED", "SECONDARY", "MIP"]),
        "projection",
        "skipped",
    ),
    "MIPs only": (
        edit_all_slices(ImageType=["DERIVED", "PRIMARY", "MIP"]),
        "projection",
        "refused",
    ),
    "screen save next to slices": (
        add_object(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "screen_save",
        "skipped",
    ),
    "screen saves only": (
        edit_all_slices(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "screen_save",
        "refused",
    ),
    "structure set next to slices": (add_object(Modality="RTSTRUCT"), "wrong_modality", "skipped"),
    "segmentation next to slices": (add_object(Modality="SEG"), "wrong_modality", "skipped"),
    "PET next to slices": (add_object(Modality="PT"), "wrong_modality", "skipped"),
    "MR only": (edit_all_slices(Modality="MR"), "wrong_modality", "refused"),
    "dose only": (edit_all_slices(Modality="RTDOSE"), "wrong_modality", "refused"),
    "no such modality": (edit_all_slices(Modality="NONSENSE"), "wrong_modality", "refused"),
    "colours": (
        edit_all_slices(SamplesPerPixel=3, PhotometricInterpretation="RGB"),
        "colour",
        "refused",
    ),
    "palette": (edit_all_slices(PhotometricInterpretation="PALETTE COLOR"), "colour", "refused"),
    "many frames": (edit_all_slices(NumberOfFrames=10), "multi_frame", "refused"),
    "enhanced CT without its groups": (
        edit_all_slices(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1"),
        "damaged_file",
        "refused",
    ),
    "pixels truncated": (lambda s: s.truncate(-20), "truncated_file", "refused"),
    "pixels truncated to one byte": (lambda s: s.truncate(-263), "truncated_file", "refused"),
    "header truncated": (lambda s: s.truncate(600), "truncated_file", "refused"),
    "header truncated early": (lambda s: s.truncate(300), "truncated_file", "refused"),
    "first slice truncated": (lambda s: s.truncate(-1, k=0), "truncated_file", "refused"),
    "slice of zero bytes": (empty_a_slice, "empty_file", "refused"),
    "empty .dcm": (lambda s: (s.folder / "a.dcm").touch(), "empty_file", "refused"),
    "empty text": (lambda s: (s.folder / "a.txt").touch(), "empty_file", "skipped"),
    "link to nothing": (
        lambda s: (s.folder / "image999").symlink_to(s.folder / "gone"),
        "empty_file",
        "refused",
    ),
    "junk named .dcm": (add_invalid_dcm, "damaged_file", "refused"),
    "stray files": (add_stray_files, "stray_file", "skipped"),
    "stray files only": (keep_only_stray_files, "no_ct", "refused"),
    "a single slice": (keep_one_slice, "image_2d", "refused"),
    "nine slices": (keep_nine_slices, "too_few_slices", "refused"),
    "25 mm": (shorten_coverage, "too_few_slices", "refused"),
    "lossy once": (edit_all_slices(LossyImageCompression="01"), "lossy", "flagged"),
    "modified HU": (edit_all_slices(RescaleType="HU_MOD"), "odd_rescale_type", "flagged"),
    "metres": (write_in_metres, "implausible_spacing", "refused"),
    "micrometres": (write_in_micrometres, "implausible_spacing", "refused"),
    "several folders": (add_second_folder, "several_scans", "refused"),
    "intercept forgotten": (edit_all_slices(RescaleIntercept=0), "not_hu", "refused"),
    "intercept twice": (edit_all_slices(RescaleIntercept=-2048), "not_hu", "refused"),
    "slope of 2": (edit_all_slices(RescaleSlope=20), "not_hu", "refused"),
    "values 0 to 255": (lambda s: s.rewrite_stored((s.hu + 1000) // 6), "not_hu", "refused"),
    "values 0 and 1": (
        lambda s: s.rewrite_stored((s.hu > 0).astype(np.int16)),
        "not_hu",
        "refused",
    ),
    "one value": (lambda s: s.rewrite_stored(np.full_like(s.hu, -1000)), "not_hu", "refused"),
    "nothing but padding": (
        lambda s: s.rewrite_stored(np.full_like(s.hu, -2000)),
        "not_hu",
        "refused",
    ),
    "negated": (lambda s: s.rewrite_stored(-s.hu), "not_hu", "refused"),
    "wrapped to unsigned": (
        lambda s: s.rewrite_stored(s.hu, PixelRepresentation=0),
        "int16_overflow",
        "refused",
    ),
    "slope beyond int16": (edit_all_slices(RescaleSlope=1000), "int16_overflow", "refused"),
}


@pytest.mark.parametrize(("damage_series", "code", "outcome"), SERIES.values(), ids=SERIES)
def test_faulty_series_is_refused_or_repaired(
    series, hu, edit, write_series, damage_series, code, outcome
):
    folder, files = series
    damage_series(EditableSeries(folder, files, hu, edit, write_series))
    _, scan = examine(folder, code, outcome)
    if scan is not None:
        # a different slice at an end is ignored, and nothing else is lost
        assert any(np.array_equal(scan.hu, part) for part in (hu, hu[:, :, 1:], hu[:, :, :-1]))


def test_all_faults_are_reported(series, edit):
    folder, files = series
    edit(files[1], RescaleSlope=None)
    edit(files[3], ImagePositionPatient=None)
    edit(files[5], PixelData=bytes(4))
    files[7].unlink()
    (folder / "z.dcm").touch()
    check, _ = examine(folder, "no_rescale", "refused")
    codes = {finding.code for finding in check.with_outcome("refused")}
    assert codes == {"no_rescale", "no_position", "truncated_file", "missing_slices", "empty_file"}


def test_unreadable_file_is_refused(series):
    folder, _ = series
    if not Path("/proc/self/mem").exists():
        pytest.skip("no file that can be opened but not read")
    (folder / "image999").symlink_to("/proc/self/mem")
    examine(folder, "unreadable", "refused")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all files")
@pytest.mark.parametrize("kind", ["slice", "folder"])
def test_missing_read_permission_is_refused(series, kind):
    folder, files = series
    target = files[3] if kind == "slice" else folder
    target.chmod(0)
    try:
        examine(folder, "unreadable", "refused")
    finally:
        target.chmod(0o700)


# --- volume files -------------------------------------------------------------------------------


def write_nifti(file, values, affine=AFFINE, sform=1, qform=1, **header):
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, sform)
    # a qform cannot hold any matrix
    image.set_qform(AFFINE, qform)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, file)


def write_with_itk(file, values):
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing((9, 9.5, 11))
    sitk.WriteImage(image, str(file), useCompression=file.name.startswith("packed"))


def replace_bytes(file, old, new):
    content = file.read_bytes()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, new))


def truncate(file, length):
    file.write_bytes(file.read_bytes()[:length])


def remove_line(file, name):
    lines = file.read_bytes().split(b"\n")
    rest = [line for line in lines if not line.startswith(name)]
    assert len(rest) == len(lines) - 1
    file.write_bytes(b"\n".join(rest))


def with_value(hu, value, count=1):
    values = hu.astype(np.float64)
    values[3, 2, 1 : 1 + count] = value
    return values


def singular_affine():
    affine = AFFINE.astype(float)
    affine[:3, 2] = affine[:3, 1]
    return affine


def damage_checksum(file):
    content = bytearray(file.read_bytes())
    content[-6] ^= 255  # in gzip's checksum
    file.write_bytes(content)


def write_zeros_in_raw(file, start, count):
    raw = next(path for path in map(file.with_suffix, (".raw", ".zraw")) if path.exists())
    content = bytearray(raw.read_bytes())
    content[start : start + count] = bytes(count)
    raw.write_bytes(content)


COLOURS = np.dtype([(name, "u1") for name in "RGB"])
# id: file name, function that writes the file, code of the fault
VOLUMES = {
    "no sform, no qform": (
        "a.nii",
        lambda f, hu: write_nifti(f, hu, sform=0, qform=0),
        "no_orientation",
    ),
    "sform not invertible": (
        "a.nii",
        lambda f, hu: (write_nifti(f, hu), rewrite_sform(f, singular_affine())),
        "singular_orientation",
    ),
    "sform of NaN": (
        "a.nii",
        lambda f, hu: (write_nifti(f, hu), rewrite_sform(f, AFFINE * np.nan)),
        "singular_orientation",
    ),
    "spacing 0 in a qform": (
        "a.nii",
        lambda f, hu: (write_nifti(f, hu, sform=0), rewrite_pixdim(f, 0)),
        "bad_pixel_spacing",
    ),
    "time series": (
        "a.nii.gz",
        lambda f, hu: write_nifti(f, np.stack([hu, hu], axis=-1)),
        "not_3d",
    ),
    "complex": ("a.nii.gz", lambda f, hu: write_nifti(f, hu.astype(np.complex64)), "colour"),
    "RGB": ("a.nii.gz", lambda f, hu: write_nifti(f, np.zeros(hu.shape, COLOURS)), "colour"),
    "nii truncated": (
        "a.nii",
        lambda f, hu: (write_nifti(f, hu), truncate(f, 1000)),
        "truncated_file",
    ),
    "nii.gz truncated": (
        "a.nii.gz",
        lambda f, hu: (write_nifti(f, hu), truncate(f, 1000)),
        "truncated_file",
    ),
    "nii truncated in its header": (
        "a.nii",
        lambda f, hu: (write_nifti(f, hu), truncate(f, 200)),
        "damaged_file",
    ),
    "checksum wrong": (
        "a.nii.gz",
        lambda f, hu: (write_nifti(f, hu), damage_checksum(f)),
        "damaged_file",
    ),
    "no NIfTI": ("a.nii.gz", lambda f, hu: f.write_bytes(b"hello" * 100), "damaged_file"),
    "gzip of nothing": (
        "a.nii.gz",
        lambda f, hu: f.write_bytes(gzip.compress(b"")),
        "damaged_file",
    ),
    "empty nii": ("a.nii", lambda f, hu: f.touch(), "empty_file"),
    "empty mha": ("a.mha", lambda f, hu: f.touch(), "empty_file"),
    "empty nrrd": ("a.nrrd", lambda f, hu: f.touch(), "empty_file"),
    "two dimensions": ("a.nii", lambda f, hu: write_nifti(f, hu[:, :, 0]), "image_2d"),
    "one slice nii": ("a.nii", lambda f, hu: write_nifti(f, hu[:, :, :1]), "image_2d"),
    "one slice mha": ("a.mha", lambda f, hu: write_with_itk(f, hu[:, :, :1]), "image_2d"),
    "NaN": ("a.nii.gz", lambda f, hu: write_nifti(f, with_value(hu, np.nan)), "not_finite"),
    "infinity": ("a.mha", lambda f, hu: write_with_itk(f, with_value(hu, np.inf)), "not_finite"),
    "NaN in nrrd": (
        "a.nrrd",
        lambda f, hu: write_with_itk(f, with_value(hu, np.nan)),
        "not_finite",
    ),
    "beyond int16": (
        "a.nii.gz",
        lambda f, hu: write_nifti(f, with_value(hu, 1e5, count=5)),
        "int16_overflow",
    ),
    "wrapped uint16": (
        "a.mha",
        lambda f, hu: write_with_itk(f, hu.astype(np.uint16)),
        "int16_overflow",
    ),
    "metres": ("a.nii", lambda f, hu: write_nifti(f, hu, AFFINE / 1000), "implausible_spacing"),
    "micrometres": (
        "a.nii",
        lambda f, hu: write_nifti(f, hu, AFFINE * 1000.0),
        "implausible_spacing",
    ),
    "a crop read as a whole chest": (
        "a.nii",
        lambda f, hu: write_nifti(f, hu[:, :, :9]),
        "too_few_slices",
    ),
    "values from 0": ("a.nrrd", lambda f, hu: write_with_itk(f, hu + np.int16(1024)), "not_hu"),
    "values 0 to 1": (
        "a.nii",
        lambda f, hu: write_nifti(f, ((hu + 1000) / 1400).astype(np.float32)),
        "not_hu",
    ),
    "mask in place of a scan": (
        "a.nii",
        lambda f, hu: write_nifti(f, (hu > 0).astype(np.uint8)),
        "not_hu",
    ),
    "mhd without raw": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), f.with_suffix(".raw").unlink()),
        "no_pixel_data",
    ),
    "raw truncated": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), truncate(f.with_suffix(".raw"), 100)),
        "truncated_file",
    ),
    "raw of another size": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), f.with_suffix(".raw").write_bytes(bytes(9999))),
        "pixel_mismatch",
    ),
    "zraw truncated": (
        "packed.mhd",
        lambda f, hu: (write_with_itk(f, hu), truncate(f.with_suffix(".zraw"), 500)),
        "truncated_file",
    ),
    "zraw damaged": (
        "packed.mhd",
        lambda f, hu: (write_with_itk(f, hu), write_zeros_in_raw(f, 300, 200)),
        "damaged_file",
    ),
    "mha truncated": (
        "a.mha",
        lambda f, hu: (write_with_itk(f, hu), truncate(f, 1000)),
        "truncated_file",
    ),
    "packed mha truncated": (
        "packed.mha",
        lambda f, hu: (write_with_itk(f, hu), truncate(f, 1000)),
        "truncated_file",
    ),
    "no mhd": ("a.mhd", lambda f, hu: f.write_bytes(b"hello"), "damaged_file"),
    "mhd without matrix": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), remove_line(f, b"TransformMatrix")),
        "no_orientation",
    ),
    "mhd with a matrix of rank 2": (
        "a.mhd",
        lambda f, hu: (
            write_with_itk(f, hu),
            replace_bytes(f, b"1 0 0 0 1 0 0 0 1", b"1 0 0 0 1 0 0 1 0"),
        ),
        "singular_orientation",
    ),
    "mhd without spacing": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), remove_line(f, b"ElementSpacing")),
        "bad_pixel_spacing",
    ),
    "mhd with half a matrix": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), replace_bytes(f, b"1 0 0 0 1 0 0 0 1", b"1 0 0 0")),
        "no_orientation",
    ),
    "mhd with a list": (
        "a.mhd",
        lambda f, hu: (write_with_itk(f, hu), replace_bytes(f, b"a.raw", b"LIST")),
        "split_volume",
    ),
    "nrrd without space": (
        "a.nrrd",
        lambda f, hu: (write_with_itk(f, hu), remove_line(f, b"space:")),
        "no_orientation",
    ),
    "nrrd without directions": (
        "a.nrrd",
        lambda f, hu: (write_with_itk(f, hu), remove_line(f, b"space directions:")),
        "no_orientation",
    ),
    "nrrd with directions of rank 2": (
        "a.nrrd",
        lambda f, hu: (write_with_itk(f, hu), replace_bytes(f, b"(0,0,11)", b"(0,11,0)")),
        "singular_orientation",
    ),
    "nrrd truncated": (
        "a.nrrd",
        lambda f, hu: (write_with_itk(f, hu), truncate(f, 1000)),
        "damaged_file",
    ),
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
def test_faulty_volume_is_refused(tmp_path, hu, capfd, name, write, code):
    write(tmp_path / name, hu)
    examine(tmp_path / name, code, "refused")
    assert capfd.readouterr() == ("", "")


def test_sform_and_qform_that_differ_are_flagged(tmp_path, hu):
    flipped = np.diag([-9.0, 9.5, 11, 1])
    write_nifti(tmp_path / "a.nii", hu, flipped)
    _, scan = examine(tmp_path / "a.nii", "orientation_conflict", "flagged")
    assert np.array_equal(scan.grid.affine, flipped)


def test_crop_is_checked_by_weaker_rules(tmp_path, hu):
    lung = np.random.default_rng(0).normal(-850, 40, (9, 9, 2)).astype(np.int16)
    write_nifti(tmp_path / "a.nii", lung)
    assert np.array_equal(read_scan(tmp_path / "a.nii", whole_chest=False).hu, lung)
    for fault in (lung + 1024, lung * 0, lung - 1000):
        write_nifti(tmp_path / "b.nii", fault.astype(np.int16))
        examine(tmp_path / "b.nii", "not_hu", "refused", whole_chest=False)
    write_nifti(tmp_path / "c.nii", lung[:, :, :1])
    examine(tmp_path / "c.nii", "image_2d", "refused", whole_chest=False)


# --- properties ---------------------------------------------------------------------------------

SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SHARED
@given(missing=st.sets(st.integers(1, 13), min_size=1, max_size=3))
def test_every_missing_inner_slice_is_counted(tmp_path_factory, hu, write_series, missing):
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
def test_file_names_have_no_influence(tmp_path_factory, hu, write_series, order):
    folder = tmp_path_factory.mktemp("series")
    _, affine, files = write_series(folder, hu)
    for file, k in zip(files, order, strict=True):
        file.rename(folder / f"{k:02d}.dcm")
    scan = read_scan(folder)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, affine)


@SHARED
@given(share=st.floats(0, 1, exclude_max=True))
def test_file_truncated_anywhere_is_refused(tmp_path_factory, hu, write_series, share):
    folder = tmp_path_factory.mktemp("series")
    _, _, files = write_series(folder, hu)
    content = files[4].read_bytes()
    files[4].write_bytes(content[: int(share * len(content))])
    check, scan = check_scan(folder)
    assert scan is None
    assert files[4].name in check.line


@SHARED
@given(damage=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=5))
def test_damaged_bytes_never_raise_another_error(tmp_path_factory, hu, write_series, damage):
    folder = tmp_path_factory.mktemp("series")
    _, _, files = write_series(folder, hu)
    content = bytearray(files[4].read_bytes())
    for k, value in damage:
        content[k] = value
    files[4].write_bytes(content)
    check, scan = check_scan(folder)
    assert (scan is not None) == check.usable
