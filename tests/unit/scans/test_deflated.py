"""Deflated slices are read as before, and inflated no further than their header needs."""

import struct
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lungcam.scans import deflated, read_scan
from lungcam.scans.deflated import inflated_head, inflates_within


@pytest.fixture(params=[True, False], ids=["preamble", "no preamble"])
def files(request, tmp_path, hu, write_series):
    """Return the files of a deflated series, with a preamble or like old exports."""
    _, _, files = write_series(tmp_path / "series", hu)
    for file in files:
        data = pydicom.dcmread(file)
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        data.save_as(file, enforce_file_format=True)
        if not request.param:
            file.write_bytes(file.read_bytes()[132:])
    return files


def test_a_deflated_series_is_read(tmp_path, files, hu):
    assert np.array_equal(read_scan(tmp_path / "series", whole_chest=False).hu, hu)


def test_the_head_is_what_zlib_inflates(files, monkeypatch):
    content = files[0].read_bytes()
    begin = content.startswith(bytes(128)) * 132
    length = struct.unpack("<I", content[begin + 8 : begin + 12])[0]
    whole = zlib.decompress(content[begin + 12 + length :], -15)
    with files[0].open("rb") as stream:
        assert inflated_head(stream).read() == whole
        monkeypatch.setattr(deflated, "MOST_HEADER", 400)
        assert inflated_head(stream).read() == whole[:400]
        assert stream.tell() == 0
    assert inflates_within(files[0], len(whole))
    assert not inflates_within(files[0], len(whole) - 1)


def test_other_files_are_not_inflated(tmp_path, hu, write_series):
    _, _, (file, *_) = write_series(tmp_path, hu)
    with file.open("rb") as stream:
        assert inflated_head(stream) is None
