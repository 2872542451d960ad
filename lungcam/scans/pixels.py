"""Pixels of DICOM slices in HU.

Uncompressed pixels are read straight into their place in the volume; compressed pixels are decoded
by SimpleITK's GDCM (JPEG, JPEG lossless, JPEG-LS, JPEG 2000, RLE, deflated).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pydicom
import SimpleITK as sitk
from isal import isal_zlib

from lungcam.findings import ScanCheck
from lungcam.runtime.parallel import processors
from lungcam.scans.codestream import ImageSize, image_size
from lungcam.scans.deflated import MOST_HEADER, inflates_within
from lungcam.scans.dicom_header import DEFLATED_SYNTAX, RLE_SYNTAX, UNDEFINED_LENGTH, Header
from lungcam.scans.hounsfield import (
    AIR,
    HIGHEST_PADDING,
    Overflow,
    check_overflow,
    round_to_int16,
)
from lungcam.scans.silence import silence_decoders
from lungcam.scans.slice_checks import EXPORT_AGAIN, describe_files

# PixelPaddingValue is always applied if its HU cannot be tissue
PADDING_BELOW, PADDING_ABOVE = -1000, 3072
THREADS = 2  # reading and scaling release the interpreter's lock; more threads hardly help
# the size of an image comes within its first bytes
LONGEST_START = 1 << 20
ITEM_TAG, SEQUENCE_END_TAG = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def read_pixels(check: ScanCheck, slices: Sequence[Header]) -> tuple[np.ndarray, list[int]]:
    """Read slices of the same size.

    Args:
        check: Receives the findings truncated_file, unreadable, undecodable, int16_overflow.
        slices: Headers with size, scale and pixel data.

    Returns:
        `(D, H, W)` int16 HU of the slices that could be read, and their indices.
    """
    hu = np.empty((len(slices), slices[0].rows, slices[0].columns), np.int16)
    silence = nullcontext() if all(header.native for header in slices) else silence_decoders()
    with silence, ThreadPoolExecutor(min(THREADS, processors())) as pool:
        faults = list(pool.map(_read, slices, hu))
    files = {
        code: [header.file for header, fault in zip(slices, faults, strict=True) if fault == code]
        for code in ("truncated_file", "unreadable", "undecodable")
    }
    for code, description in (
        ("truncated_file", "end before their pixel data does"),
        ("unreadable", "cannot be opened or read"),
        ("undecodable", "have pixel data that cannot be decoded"),
    ):
        if files[code]:
            message = describe_files(files[code], description)
            check.add(code, "refused", message=message, remedy=EXPORT_AGAIN)
    read = [k for k, fault in enumerate(faults) if isinstance(fault, Overflow)]
    _check_overflow(check, slices, faults=faults, size=hu.size)
    return (hu if len(read) == len(slices) else hu[read]), read


def _check_overflow(
    check: ScanCheck, slices: Sequence[Header], *, faults: Sequence[str | Overflow], size: int
) -> None:
    """Report values above int16 in all slices."""
    high = {
        header.file: fault
        for header, fault in zip(slices, faults, strict=True)
        if isinstance(fault, Overflow) and fault.high
    }
    if high:
        total = Overflow(
            sum(overflow.high for overflow in high.values()),
            sum(overflow.wrapped for overflow in high.values()),
        )
        place = describe_files(list(high), "of the series")
        check_overflow(check, total, size=size, place=place)


def padding_hu(header: Header) -> float | None:
    """Return a slice's PixelPaddingValue in HU, None if it has none."""
    return None if header.padding is None else header.padding * header.slope + header.intercept


def _is_never_tissue(hu: float | None) -> bool:
    return hu is not None and (hu <= PADDING_BELOW or hu >= PADDING_ABOVE)


def _read(header: Header, hu: np.ndarray) -> str | Overflow:
    """Read a slice into `hu`, `(H, W)`; return the code of a fault, or the values above int16."""
    try:
        if header.native:
            with header.file.open("rb") as stream:
                stream.seek(header.pixel_offset)
                if stream.readinto(memoryview(hu).cast("B")) < hu.nbytes:
                    return "truncated_file"
            return _scale(header, hu)
        if header.frame is not None:
            return _store(header, _decode_by_pydicom(header), hu)
        encapsulated = header.syntax != DEFLATED_SYNTAX and header.pixel_length == UNDEFINED_LENGTH
        if encapsulated and not _is_complete(header):
            return "truncated_file"
        if not _has_its_size(header, encapsulated=encapsulated):
            return "undecodable"
        return _decode(header, hu)
    except OSError:
        return "unreadable"
    except (RuntimeError, ValueError, isal_zlib.error):
        return "undecodable"


def _has_its_size(header: Header, *, encapsulated: bool) -> bool:
    """Return True unless a decoder would allocate for another size than that of the header."""
    if header.syntax == DEFLATED_SYNTAX:
        pixels = header.rows * header.columns * header.bits_allocated // 8
        return inflates_within(header.file, pixels * header.frames + MOST_HEADER)
    if not encapsulated or header.syntax == RLE_SYNTAX:
        return True
    size = image_size(_first_fragment(header))
    return size is not None and size == ImageSize(header.rows, header.columns, 1)


def _scale(header: Header, hu: np.ndarray) -> Overflow:
    """Convert stored values of 16 bits to HU, in place."""
    if header.big_endian:
        hu.byteswap(inplace=True)
    stored = hu if header.signed else hu.view(np.uint16)
    bits, high_bit = header.bits_stored, header.high_bit
    if (bits, high_bit) != (16, 15):
        # the other bits may hold an overlay, and the sign may not be extended
        np.left_shift(stored, 15 - high_bit, out=stored)
        np.right_shift(stored, 16 - bits, out=stored)
    padding = padding_hu(header)
    # lower values are filled with all other padding later
    if not (_is_never_tissue(padding) and padding > HIGHEST_PADDING):
        padding = None
    if header.slope == 1 and header.intercept == int(header.intercept) and padding is None:
        shift = int(header.intercept)
        limits = np.iinfo(np.int16)
        if limits.min <= int(stored.min()) + shift and int(stored.max()) + shift <= limits.max:
            # the result fits, so it is right modulo 2 to the 16
            unsigned = hu.view(np.uint16)
            unsigned += np.uint16(shift % (1 << 16))
            return Overflow()
    values = stored * header.slope + header.intercept
    if padding is not None:
        values[values == padding] = AIR
    hu[:], overflow = round_to_int16(values)
    return overflow


def _decode(header: Header, hu: np.ndarray) -> str | Overflow:
    """Decode a compressed slice: by GDCM, or by pydicom where GDCM cannot."""
    try:
        values = _decode_by_gdcm(header)
    except RuntimeError:
        values = _decode_by_pydicom(header)
    return _store(header, values, hu)


def _store(header: Header, values: np.ndarray, hu: np.ndarray) -> str | Overflow:
    """Store decoded HU in a slice."""
    if values.shape != hu.shape:
        return "undecodable"
    padding = padding_hu(header)
    if _is_never_tissue(padding) and (values == padding).any():
        values = np.where(values == padding, AIR, values)
    hu[:], overflow = round_to_int16(values)
    return overflow


def _decode_by_gdcm(header: Header) -> np.ndarray:
    """Return HU `(H, W)`; GDCM applies slope and intercept.

    Raises:
        RuntimeError: GDCM cannot decode the pixels.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(header.file))
    values = np.squeeze(sitk.GetArrayFromImage(reader.Execute()))
    if not header.inverted:
        return values
    # GDCM turns MONOCHROME1 round for display; HU follow from the values as they are stored
    stored = (values - header.intercept) / header.slope
    highest = -1 if header.signed else (1 << header.bits_stored) - 1
    return (highest - stored) * header.slope + header.intercept


def _decode_by_pydicom(header: Header) -> np.ndarray:
    """Return HU `(H, W)`; pydicom decodes RLE and deflated files itself.

    Raises:
        ValueError: Neither library can decode the pixels.
    """
    try:
        if header.frame is None:
            stored = pydicom.dcmread(header.file).pixel_array
        else:
            stored = pydicom.pixels.pixel_array(header.file, index=header.frame)
    # pydicom raises nearly any error for damaged bytes
    except Exception as error:
        raise ValueError(str(header.file)) from error
    return stored * header.slope + header.intercept


def _first_fragment(header: Header) -> bytes:
    """Return the first bytes of the image of encapsulated pixel data, after the offset table."""
    with header.file.open("rb") as stream:
        stream.seek(header.pixel_offset)
        table = stream.read(8)
        stream.seek(int.from_bytes(table[4:], "little"), os.SEEK_CUR)
        item = stream.read(8)
        return stream.read(min(int.from_bytes(item[4:], "little"), LONGEST_START))


def _is_complete(header: Header) -> bool:
    """Return True if encapsulated pixel data reaches its sequence delimiter (PS3.5 A.4)."""
    with header.file.open("rb") as stream:
        stream.seek(header.pixel_offset)
        while len(start := stream.read(8)) == 8:
            if start[:4] == SEQUENCE_END_TAG:
                return True
            length = int.from_bytes(start[4:], "little")
            if start[:4] != ITEM_TAG or stream.tell() + length > header.file_size:
                return False
            stream.seek(length, os.SEEK_CUR)
    return False
