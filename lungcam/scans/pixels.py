"""Pixels of DICOM slices in HU.

Uncompressed pixels are read straight into their place in the volume; compressed pixels are decoded
by SimpleITK's GDCM (JPEG, JPEG lossless, JPEG-LS, JPEG 2000, RLE, deflated).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import SimpleITK as sitk

from lungcam.findings import ScanCheck
from lungcam.runtime.parallel import processors
from lungcam.scans.dicom_header import DEFLATED_SYNTAX, UNDEFINED_LENGTH, Header
from lungcam.scans.hounsfield import AIR, HIGHEST_PADDING, refuse_overflow, round_to_int16
from lungcam.scans.silence import silence_decoders
from lungcam.scans.slice_checks import EXPORT_AGAIN, describe_files

# PixelPaddingValue is always applied if its HU cannot be tissue
PADDING_BELOW, PADDING_ABOVE = -1000, 3072
THREADS = 2  # reading and scaling release the interpreter's lock; more threads hardly help
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
        for code in ("truncated_file", "unreadable", "undecodable", "overflow")
    }
    for code, description in (
        ("truncated_file", "end before their pixel data does"),
        ("unreadable", "cannot be opened or read"),
        ("undecodable", "have pixel data that cannot be decoded"),
    ):
        if files[code]:
            message = describe_files(files[code], description)
            check.add(code, "refused", message=message, remedy=EXPORT_AGAIN)
    if files["overflow"]:
        refuse_overflow(check, describe_files(files["overflow"], "of the series"))
    read = [k for k, fault in enumerate(faults) if fault in (None, "overflow")]
    return (hu if len(read) == len(slices) else hu[read]), read


def padding_hu(header: Header) -> float | None:
    """Return a slice's PixelPaddingValue in HU, None if it has none."""
    return None if header.padding is None else header.padding * header.slope + header.intercept


def _is_never_tissue(hu: float | None) -> bool:
    return hu is not None and (hu <= PADDING_BELOW or hu >= PADDING_ABOVE)


def _read(header: Header, hu: np.ndarray) -> str | None:
    """Read a slice into `hu`, `(H, W)`; return the code of the fault, None without a fault."""
    try:
        if header.native:
            with header.file.open("rb") as stream:
                stream.seek(header.pixel_offset)
                if stream.readinto(memoryview(hu).cast("B")) < hu.nbytes:
                    return "truncated_file"
            return _scale(header, hu)
        encapsulated = header.syntax != DEFLATED_SYNTAX and header.pixel_length == UNDEFINED_LENGTH
        if encapsulated and not _is_complete(header):
            return "truncated_file"
        return _decode(header, hu)
    except OSError:
        return "unreadable"
    except (RuntimeError, ValueError):
        return "undecodable"


def _scale(header: Header, hu: np.ndarray) -> str | None:
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
            return None
    values = stored * header.slope + header.intercept
    if padding is not None:
        values[values == padding] = AIR
    hu[:], overflow = round_to_int16(values)
    return "overflow" if overflow else None


def _decode(header: Header, hu: np.ndarray) -> str | None:
    """Decode a compressed slice; GDCM applies slope and intercept."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(header.file))
    values = np.squeeze(sitk.GetArrayFromImage(reader.Execute()))
    if values.shape != hu.shape:
        return "undecodable"
    padding = padding_hu(header)
    if _is_never_tissue(padding) and (values == padding).any():
        values = np.where(values == padding, AIR, values)
    hu[:], overflow = round_to_int16(values)
    return "overflow" if overflow else None


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
