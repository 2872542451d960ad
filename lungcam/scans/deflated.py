"""Deflated DICOM files (PS3.5 A.5), inflated within bounds: pydicom inflates them whole."""

import io
import re
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

SYNTAX = "1.2.840.10008.1.2.1.99"
MARK = re.compile(re.escape(SYNTAX.encode()) + rb"(?![.0-9])")
# the transfer syntax is among the first elements
META_BYTES = 1 << 16
# bytes of a header up to the pixel data
MOST_HEADER = 16 << 20
RAW, BLOCK = -15, 1 << 20
# end of the preamble, and the group of the file meta information
PREFIX, GROUP = b"DICM", b"\x02\0"
# values with a length of four bytes (PS3.5 7.1.2)
LONG = (b"OB", b"OW", b"UN", b"SQ", b"UT")


def inflated_head(stream: BinaryIO) -> io.BytesIO | None:
    """Return the first bytes of the data set of a deflated file; None for any other file.

    Args:
        stream: The file; it is at its beginning afterwards.

    Raises:
        OSError: It cannot be read.
        isal_zlib.error: It is damaged.
    """
    stream.seek(0)
    start = stream.read(META_BYTES)
    head = None
    if (start[128:132] == PREFIX or start[:2] == GROUP) and MARK.search(start):
        stream.seek(_meta_end(stream))
        inflate = isal_zlib.decompressobj(RAW)
        head = io.BytesIO(inflate.decompress(stream.read(MOST_HEADER), MOST_HEADER))
    stream.seek(0)
    return head


def inflates_within(file: Path, limit: int) -> bool:
    """Return True if the data set of a deflated file has at most so many bytes.

    Raises:
        OSError: It cannot be read.
        isal_zlib.error: It is damaged.
    """
    inflate = isal_zlib.decompressobj(RAW)
    with file.open("rb") as stream:
        stream.seek(_meta_end(stream))
        size = 0
        while not inflate.eof and (block := inflate.unconsumed_tail or stream.read(BLOCK)):
            size += len(inflate.decompress(block, BLOCK))
            if size > limit:
                return False
    return True


def _meta_end(stream: BinaryIO) -> int:
    """Return the end of the file meta information, group 2 in explicit VR (PS3.10 7.1).

    Old exports lack the preamble of 132 bytes in front of it.
    """
    stream.seek(0)
    stream.seek(132 if stream.read(132)[128:] == PREFIX else 0)
    while True:
        position = stream.tell()
        head = stream.read(8)
        if len(head) < 8 or head[:2] != GROUP:
            return position
        long = head[4:6] in LONG
        length = stream.read(4) if long else head[6:8]
        stream.seek(int.from_bytes(length, "little"), io.SEEK_CUR)
