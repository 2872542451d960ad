"""Scans that declare more than they hold, or unpack to far more than a CT."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from isal import igzip
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, generate_uid

from .conftest import refused

ZEROS = bytes(1 << 20)
HUGE = 30_000
BOMB = 300  # MB


def packed(path: Path, head: bytes, megabytes: int) -> None:
    """Write a gzip file of a head and zeros."""
    with igzip.open(path, "wb") as stream:
        stream.write(head)
        for _ in range(megabytes):
            stream.write(ZEROS)


def nifti_head(shape, offset=352.0, dtype=4, bits=16, magic=b"n+1\0") -> bytes:
    """Return a NIfTI-1 header with sizes as given."""
    header = nib.Nifti1Header()
    header.set_sform(np.diag([1, 1, 1, 1]), 1)
    raw = bytearray(header.binaryblock)
    raw[40:56] = struct.pack("<8h", len(shape), *shape, *[1] * (7 - len(shape)))
    raw[70:74] = struct.pack("<2h", dtype, bits)
    raw[108:112] = struct.pack("<f", offset)
    raw[344:348] = magic
    return bytes(raw) + bytes(4)


def nifti(path: Path, case: str) -> None:
    if case == "declared":
        path.write_bytes(nifti_head((HUGE, HUGE, HUGE)) + bytes(1000))
    elif case == "declared, packed":
        packed(path, nifti_head((2000, 2000, 500)), 1)
    elif case == "bomb":
        packed(path, nifti_head((BOMB, 1024, 512)), BOMB)
    elif case == "bomb after the voxels":
        packed(path, nifti_head((16, 16, 16)), BOMB)
    elif case == "far offset":
        packed(path, nifti_head((16, 16, 16), offset=float(BOMB << 20)), BOMB)
    elif case == "endless offset":
        packed(path, nifti_head((16, 16, 16), offset=float("inf")), 1)
    elif case == "negative":
        path.write_bytes(nifti_head((-16, 16, 16)) + bytes(10_000))
    elif case == "seven dimensions":
        path.write_bytes(nifti_head((1000,) * 7) + bytes(1000))
    elif case == "wide values":
        path.write_bytes(nifti_head((2000, 2000, 1000), dtype=1536, bits=128) + bytes(1000))


NRRD = (
    "NRRD0004\ntype: {type}\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nendian: little\n"
    "encoding: {encoding}\n{more}\n"
)


def nrrd(path: Path, case: str) -> None:
    fields = {"type": "short", "sizes": "16 16 16", "encoding": "raw", "more": ""}
    body = bytes(16**3 * 2)
    if case == "declared":
        fields |= {"sizes": f"{HUGE} {HUGE} {HUGE}"}
    elif case == "declared, packed":
        fields |= {"sizes": "2000 2000 500", "encoding": "gzip"}
        body = igzip.compress(ZEROS)
    elif case == "bzip2":
        fields |= {"sizes": "2000 2000 500", "encoding": "bzip2"}
        body = b"BZh9"
    elif case == "text":
        fields |= {"sizes": "2000 2000 400", "encoding": "ascii"}
        body = b"0 0 0"
    elif case == "from the end":
        fields |= {"encoding": "gzip", "more": "byte skip: -1\n"}
        body = igzip.compress(ZEROS)
    elif case == "far skip":
        fields |= {"encoding": "gzip", "more": "byte skip: 900000000\n"}
        body = igzip.compress(ZEROS)
    elif case == "negative":
        fields |= {"sizes": "-16 16 16"}
    elif case == "list":
        fields |= {"sizes": "2000 2000 500", "more": "data file: s%05d.raw 1 500 1\n"}
    path.write_bytes(NRRD.format(**fields).encode() + body)


def metaimage(path: Path, case: str) -> None:
    fields = {
        "NDims": "3", "DimSize": "16 16 16", "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0", "ElementSpacing": "1 1 1", "ElementType": "MET_SHORT",
        "CompressedData": "True", "ElementDataFile": "LOCAL",
    }  # fmt: skip
    body = zlib.compress(bytes(16**3 * 2))
    if case == "declared":
        fields |= {"DimSize": f"{HUGE} {HUGE} {HUGE}", "CompressedData": "False"}
    elif case == "declared, packed":
        fields |= {"DimSize": "2000 2000 500"}
    elif case == "bomb":
        compress = zlib.compressobj(1)
        body = b"".join(compress.compress(ZEROS) for _ in range(BOMB)) + compress.flush()
    elif case == "endless":
        fields |= {"DimSize": "1e300 1e300 1e300"}
    path.write_bytes("".join(f"{k} = {v}\n" for k, v in fields.items()).encode() + body)


CASES = [
    *[(nifti, "a.nii", case) for case in ("declared", "negative", "seven dimensions")],
    (nifti, "a.nii", "wide values"),
    *[
        (nifti, "a.nii.gz", case)
        for case in (
            "declared, packed", "bomb", "bomb after the voxels", "far offset", "endless offset"
        )
    ],
    *[
        (nrrd, "a.nrrd", case)
        for case in (
            "declared", "declared, packed", "bzip2", "text", "from the end", "far skip", "negative",
            "list",
        )
    ],
    *[(metaimage, "a.mha", case) for case in ("declared", "declared, packed", "bomb", "endless")],
]  # fmt: skip


def words(value: object) -> str:
    """Return the name of a case, the same in every process."""
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("write", "name", "case"), CASES, ids=words)
def test_a_volume_file_beyond_its_bounds_is_refused(tmp_path, examined, write, name, case):
    write(tmp_path / name, case)
    refused(examined(tmp_path / name), tmp_path / name)


def slice_of(path: Path, *, rows: int, columns: int, syntax: str, pixels: bytes, **more) -> None:
    """Write one slice of a CT with pixel data as given."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    data = Dataset()
    data.file_meta = meta
    data.update(
        {
            "SOPClassUID": CTImageStorage,
            "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
            "Modality": "CT",
            "StudyInstanceUID": "1.2.3",
            "SeriesInstanceUID": "1.2.3.4",
            "ImagePositionPatient": [0, 0, float(path.stem)],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [1, 1],
            "Rows": rows,
            "Columns": columns,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 1,
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            **more,
        }
    )
    encapsulated = not syntax.startswith("1.2.840.10008.1.2.1")
    data.PixelData = encapsulate([pixels]) if encapsulated else pixels
    data["PixelData"].VR = "OB" if encapsulated else "OW"
    data.save_as(path, enforce_file_format=True)


def jpeg_2000(rows: int, columns: int, components: int = 1) -> bytes:
    size = struct.pack(">H8IH", 0, columns, rows, 0, 0, columns, rows, 0, 0, components)
    siz = b"\xff\x51" + struct.pack(">H", len(size) + 2 + 3 * components) + size
    return b"\xff\x4f" + siz + b"\x0f\x01\x01" * components + bytes(100)


def jpeg(rows: int, columns: int, marker: int = 0xC3) -> bytes:
    frame = struct.pack(">BHHB3B", 16, rows, columns, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + bytes(99)


RLE = struct.pack("<16I", 2, 64, 70, *[0] * 13) + b"\x81\x00" * 10
DICOM = {
    "native": (65535, "1.2.840.10008.1.2.1", bytes(512)),
    "JPEG 2000": (65535, "1.2.840.10008.1.2.4.90", jpeg_2000(65535, 65535)),
    "JPEG 2000 of another size": (16, "1.2.840.10008.1.2.4.90", jpeg_2000(65535, 65535)),
    "JPEG 2000 of many components": (16, "1.2.840.10008.1.2.4.90", jpeg_2000(16, 16, 999)),
    "JPEG lossless": (65535, "1.2.840.10008.1.2.4.70", jpeg(65535, 65535)),
    "JPEG lossless of another size": (16, "1.2.840.10008.1.2.4.70", jpeg(65535, 65535)),
    "JPEG-LS of another size": (16, "1.2.840.10008.1.2.4.80", jpeg(65535, 65535, 0xF7)),
    "no image": (16, "1.2.840.10008.1.2.4.90", bytes(1000)),
    "RLE": (65535, "1.2.840.10008.1.2.5", RLE),
    "RLE below the limit": (30000, "1.2.840.10008.1.2.5", RLE),
    "deflated": (65535, "1.2.840.10008.1.2.1.99", bytes(512)),
    "deflated below the limit": (30000, "1.2.840.10008.1.2.1.99", bytes(512)),
}


@pytest.mark.parametrize("case", DICOM)
def test_a_slice_beyond_its_bounds_is_refused(tmp_path, examined, case):
    size, syntax, pixels = DICOM[case]
    for name in ("1.dcm", "2.dcm"):
        slice_of(tmp_path / name, rows=size, columns=size, syntax=syntax, pixels=pixels)
    refused(examined(tmp_path), tmp_path)


@pytest.mark.parametrize("megabytes", [BOMB])
@pytest.mark.parametrize("place", ["header", "pixels"])
def test_a_deflated_bomb_is_refused(tmp_path, examined, place, megabytes):
    for name in ("1.dcm", "2.dcm"):
        plain = tmp_path / f"{name[0]}"
        slice_of(
            plain.with_suffix(".dcm"),
            rows=16,
            columns=16,
            syntax="1.2.840.10008.1.2.1",
            pixels=bytes(512),
        )
        data = pydicom.dcmread(tmp_path / name)
        start = (tmp_path / name).read_bytes()
        meta = data.file_meta
        body = start[start.index(b"\x08\0\x16\0") :]
        zeros = bytes.fromhex("07001010") + b"OB\0\0" + struct.pack("<I", megabytes << 20)
        cut = body.index(b"\xe0\x7f\x10\0")
        before, after = (body[:cut], body[cut:]) if place == "pixels" else (b"", body)
        compress = zlib.compressobj(1, zlib.DEFLATED, -15)
        parts = [compress.compress(before)]
        if place == "header":
            parts.append(compress.compress(zeros))
            parts += [compress.compress(ZEROS) for _ in range(megabytes)]
            parts.append(compress.compress(after))
        else:
            parts.append(compress.compress(after[:8] + struct.pack("<I", megabytes << 20)))
            parts += [compress.compress(ZEROS) for _ in range(megabytes)]
        meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
        empty = Dataset()
        empty.file_meta = meta
        empty.save_as(tmp_path / name, enforce_file_format=True)
        with (tmp_path / name).open("r+b") as stream:
            # pydicom deflates the empty data set: cut it off
            content = stream.read()
            end = 132 + 12 + int.from_bytes(content[140:144], "little")
            stream.seek(end)
            stream.truncate()
            stream.write(b"".join(parts) + compress.flush())
    refused(examined(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd", "a", "a.zip"])
def test_pipes_and_devices_are_never_opened(tmp_path, examined, name):
    os.mkfifo(tmp_path / name)
    refused(examined(tmp_path / name), tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    refused(examined(tmp_path / name), tmp_path / name)
    # in a folder, too
    refused(examined(tmp_path), tmp_path)


def test_voxels_in_a_device_are_refused(tmp_path, examined):
    (tmp_path / "zero.raw").symlink_to("/dev/zero")
    metaimage(tmp_path / "a.mha", "")
    content = (tmp_path / "a.mha").read_bytes().replace(b"LOCAL", b"zero.raw")
    (tmp_path / "a.mha").write_bytes(content)
    refused(examined(tmp_path / "a.mha"), tmp_path / "a.mha")
    nrrd(tmp_path / "a.nhdr", "")
    content = (tmp_path / "a.nhdr").read_bytes().replace(b"raw\n", b"raw\ndata file: zero.raw\n")
    (tmp_path / "a.nhdr").write_bytes(content)
    refused(examined(tmp_path / "a.nhdr"), tmp_path / "a.nhdr")


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, examined):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.nii", "w", force_zip64=True) as member,
    ):
        for _ in range(BOMB):
            member.write(ZEROS)
    refused(examined(tmp_path / "a.zip"), tmp_path / "a.zip")
