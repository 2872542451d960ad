"""Tests that all encodings of the same pixels give the same HU."""

import base64

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lungcam.scans import check_scan, read_scan

# stored values 120 * row + 10 * column, 11 rows and 12 columns, written by CharLS 2.4 (pyjpegls)
JPEG_LS = base64.b64decode(
    "/9j/9wALCwALAAwBAREA/9oACAEBAAAAALPPG/PG/u83AYaZYe5rFrW0AYUzMyqqqyd1VVVVbbB2SSSSSedUkkkk"
    "nHRJJJKtOaqqqw5Kqqqziqqrs4P/WP/Z"
)
STORED = {
    "signed": {"PixelRepresentation": 1},
    "unsigned": {"PixelRepresentation": 0},
    "12 of 16 bits": {"PixelRepresentation": 0, "BitsStored": 12, "HighBit": 11},
}


@pytest.fixture
def wide(hu):
    """Return `(72, 66, 10)` HU: JPEG 2000 halves an image five times."""
    return np.tile(hu, (6, 6, 1))


def compress_by_itk(file, compressor, syntax):
    """Compress a slice by ITK's GDCM."""
    item = pydicom.dcmread(file)
    image = sitk.GetImageFromArray(item.pixel_array.astype(np.uint16))
    for tag, value in (("0028|1052", "0"), ("0028|1053", "1"), ("0008|0060", "CT")):
        image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    other = file.with_name(f"{file.name}.packed")
    writer.SetFileName(str(other))
    writer.Execute(image)
    packed = pydicom.dcmread(other)
    other.unlink()
    assert packed.file_meta.TransferSyntaxUID == syntax
    item.file_meta.TransferSyntaxUID = syntax
    item.PixelData = packed.PixelData
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    item.BitsStored, item.HighBit = packed.BitsStored, packed.HighBit
    item.save_as(file)


def compress_by_pydicom(file, syntax):
    item = pydicom.dcmread(file)
    item.compress(syntax)
    item.save_as(file)


def reencode(file, syntax, implicit=False, little=True):
    """Write a slice in another native encoding."""
    item = pydicom.dcmread(file)
    new = pydicom.Dataset()
    new.update(item)
    new.file_meta = item.file_meta
    new.file_meta.TransferSyntaxUID = syntax
    if not little:
        new.PixelData = np.frombuffer(item.PixelData, "<u2").astype(">u2").tobytes()
    pydicom.dcmwrite(file, new, implicit_vr=implicit, little_endian=little)


def remove_preamble(file):
    """Write a slice like old exports, without preamble and group 2."""
    item = pydicom.dcmread(file)
    new = pydicom.Dataset()
    new.update(item)
    pydicom.dcmwrite(file, new, implicit_vr=True, little_endian=True)


ENCODINGS = {
    "implicit little endian": lambda f: reencode(f, ImplicitVRLittleEndian, implicit=True),
    "explicit big endian": lambda f: reencode(f, ExplicitVRBigEndian, little=False),
    "deflated": lambda f: reencode(f, DeflatedExplicitVRLittleEndian),
    "without preamble": remove_preamble,
    "RLE": lambda f: compress_by_pydicom(f, RLELossless),
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("write", ENCODINGS.values(), ids=ENCODINGS)
def test_every_native_and_rle_encoding_gives_the_same_hu(
    tmp_path, hu, write_series, capfd, write, stored
):
    # slope and intercept differ from slice to slice
    _, affine, files = write_series(tmp_path, hu, rescale=((1, -1024), (1, -1100)), **stored)
    for file in files:
        write(file)
    scan = read_scan(tmp_path)
    assert np.array_equal(scan.hu, hu)
    assert np.allclose(scan.grid.affine, affine)
    assert scan.warnings == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("compressor", "syntax"), [("JPEG", JPEGLosslessSV1), ("JPEG2000", JPEG2000Lossless)]
)
def test_compressed_slices_give_the_same_hu(
    tmp_path, wide, write_series, capfd, compressor, syntax
):
    write_series(
        tmp_path, wide, spacing=(2, 2, 11), rescale=((1, -1024), (1, -1100)), PixelRepresentation=0
    )
    for file in tmp_path.iterdir():
        compress_by_itk(file, compressor, syntax)
    capfd.readouterr()
    assert np.array_equal(read_scan(tmp_path).hu, wide)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("compressor", "syntax"), [("JPEG", JPEGLosslessSV1), ("JPEG2000", JPEG2000Lossless)]
)
def test_truncated_and_damaged_compressed_slices_are_refused(
    tmp_path, wide, write_series, capfd, compressor, syntax
):
    _, _, files = write_series(tmp_path, wide, spacing=(2, 2, 11), PixelRepresentation=0)
    for file in files:
        compress_by_itk(file, compressor, syntax)
    capfd.readouterr()
    content = files[3].read_bytes()
    for length in (20, 500, 2000):
        files[3].write_bytes(content[:-length])
        check, scan = check_scan(tmp_path)
        assert scan is None
        assert {finding.code for finding in check.findings} == {"truncated_file"}
    start = content.index(b"\xff\xd8\xff" if compressor == "JPEG" else b"\xff\x4f\xff\x51")
    files[3].write_bytes(content[:start] + bytes(200) + content[start + 200 :])
    check, scan = check_scan(tmp_path)
    assert scan is None
    assert {finding.code for finding in check.findings} == {"undecodable"}
    assert capfd.readouterr() == ("", "")


def test_jpeg_ls_slices_are_read(tmp_path, write_series):
    stored = np.add.outer(10 * np.arange(12), 120 * np.arange(11)).astype(np.int16)
    hu = np.repeat(stored[:, :, None] - np.int16(1024), 10, axis=2)
    _, _, files = write_series(tmp_path, hu, PixelRepresentation=0)
    for file in files:
        item = pydicom.dcmread(file)
        item.file_meta.TransferSyntaxUID = JPEGLSLossless
        item.PixelData = encapsulate([JPEG_LS])
        item["PixelData"].VR = "OB"
        item["PixelData"].is_undefined_length = True
        item.save_as(file)
    assert np.array_equal(read_scan(tmp_path).hu, hu)


def test_overlay_in_unused_bits_is_ignored(tmp_path, hu, write_series, edit):
    _, _, files = write_series(tmp_path, hu, PixelRepresentation=0, BitsStored=12, HighBit=11)
    for file in files:
        item = pydicom.dcmread(file)
        values = np.frombuffer(item.PixelData, np.uint16) | np.uint16(1 << 14)
        edit(file, PixelData=values.tobytes())
    assert np.array_equal(read_scan(tmp_path).hu, hu)


def test_sign_of_twelve_bits_is_extended(tmp_path, hu, write_series, edit):
    _, _, files = write_series(tmp_path, hu, rescale=((1, 0),), BitsStored=12, HighBit=11)
    for file in files:
        item = pydicom.dcmread(file)
        edit(file, PixelData=(np.frombuffer(item.PixelData, np.uint16) & 0xFFF).tobytes())
    assert np.array_equal(read_scan(tmp_path).hu, hu)


@pytest.mark.parametrize("rescale", [((0.5, -1000.5),), ((2, 0), (1, -1024))])
def test_fractions_are_rounded_like_simpleitk(tmp_path, hu, write_series, rescale):
    _, _, files = write_series(tmp_path, hu // 2 * 2, rescale=rescale)
    scan = read_scan(tmp_path)
    for k, file in enumerate(files):
        plane = sitk.GetArrayFromImage(sitk.ReadImage(str(file), imageIO="GDCMImageIO"))[0]
        assert np.array_equal(scan.hu[:, :, k], np.rint(plane).T)
