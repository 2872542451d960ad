"""Size of a compressed image by its own header, by which a decoder allocates.

JPEG (ISO/IEC 10918-1 B.2.2) and JPEG-LS (ISO/IEC 14495-1) give it in a frame header, JPEG 2000
(ISO/IEC 15444-1 A.5.1) in the marker segment SIZ.
"""

import struct
from dataclasses import dataclass

JPEG, JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
# markers of frames: SOF0 to SOF15 without DHT, JPG and DAC, and SOF55 of JPEG-LS
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}
# markers without a length
BARE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class ImageSize:
    """Rows, columns and components of a compressed image."""

    rows: int
    columns: int
    components: int


def image_size(code: bytes) -> ImageSize | None:
    """Return the size that a compressed image declares; None if it is not found.

    Args:
        code: First bytes of the image.
    """
    try:
        if code.startswith(JPEG_2000):
            right, lower, left, upper = struct.unpack_from(">4I", code, 8)
            (components,) = struct.unpack_from(">H", code, 40)
            return ImageSize(lower - upper, right - left, components)
        if code.startswith(JPEG):
            return _jpeg_size(code)
    except struct.error:
        pass
    return None


def _jpeg_size(code: bytes) -> ImageSize | None:
    position = 2
    while position + 4 <= len(code):
        if code[position] != 0xFF:
            return None
        marker = code[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in BARE:
            position += 2
        elif marker in FRAMES:
            rows, columns, components = struct.unpack_from(">HHB", code, position + 5)
            return ImageSize(rows, columns, components)
        else:
            (length,) = struct.unpack_from(">H", code, position + 2)
            position += 2 + length
    return None
