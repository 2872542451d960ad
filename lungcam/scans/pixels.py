"""Pixels of the slices, in HU.

Pixels that stand in the file as they are go straight into their place in the volume; compressed
ones are decoded by SimpleITK's GDCM (JPEG, JPEG lossless, JPEG-LS, JPEG 2000, RLE, deflated).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import SimpleITK as sitk

from lungcam.findings import ScanCheck
from lungcam.runtime.parallel import processors
from lungcam.scans.dicom_header import DEFLATED, UNDEFINED, Header
from lungcam.scans.hounsfield import AIR, HIGHEST_PADDING, note_overflow, rounded
from lungcam.scans.silence import silent_decoders
from lungcam.scans.slice_checks import named

# PixelPaddingValue is honoured outright where its HU cannot be tissue
PADDING_BELOW, PADDING_ABOVE = -1000, 3072
THREADS = 2  # reading and scaling leave the interpreter's lock; more hardly helps
ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def read_pixels(verdict: ScanCheck, slices: Sequence[Header]) -> tuple[np.ndarray, list[int]]:
    """Read slices of one size.

    Args:
        verdict: Takes the findings truncated_file, unreadable, undecodable, int16_overflow.
        slices: With size, scale and pixel data.

    Returns:
        `(D, H, W)` int16 HU of the slices that could be read, and their indices.
    """
    hu = np.empty((len(slices), slices[0].rows, slices[0].columns), np.int16)
    silence = nullcontext() if all(one.native for one in slices) else silent_decoders()
    with silence, ThreadPoolExecutor(min(THREADS, processors())) as pool:
        faults = list(pool.map(_read, slices, hu))
    for code, words in (
        ("truncated_file", "end before their pixel data does"),
        ("unreadable", "cannot be opened or read"),
        ("undecodable", "have pixel data that cannot be decoded"),
    ):
        files = [one.file for one, fault in zip(slices, faults, strict=True) if fault == code]
        if files:
            verdict.add(code, "refused", named(files, words), "copy or export the series again")
    files = [one.file for one, fault in zip(slices, faults, strict=True) if fault == "overflow"]
    if files:
        note_overflow(verdict, named(files, "of the series"))
    read = [k for k, fault in enumerate(faults) if fault in (None, "overflow")]
    return (hu if len(read) == len(slices) else hu[read]), read


def padding_hu(one: Header) -> float | None:
    """A slice's PixelPaddingValue in HU, None where it has none."""
    return None if one.padding is None else one.padding * one.slope + one.intercept


def _is_never_tissue(hu: float | None) -> bool:
    return hu is not None and (hu <= PADDING_BELOW or hu >= PADDING_ABOVE)


def _read(one: Header, hu: np.ndarray) -> str | None:
    """Read a slice into `hu`, `(H, W)`; the code of what is wrong, None if nothing is."""
    try:
        if one.native:
            with one.file.open("rb") as stream:
                stream.seek(one.pixels_at)
                if stream.readinto(memoryview(hu).cast("B")) < hu.nbytes:
                    return "truncated_file"
            return _scale(one, hu)
        if one.syntax != DEFLATED and one.pixel_bytes == UNDEFINED and not _is_complete(one):
            return "truncated_file"
        return _decode(one, hu)
    except OSError:
        return "unreadable"
    except (RuntimeError, ValueError):
        return "undecodable"


def _scale(one: Header, hu: np.ndarray) -> str | None:
    """Turn 16 stored bits a pixel into HU, in place."""
    if one.big_endian:
        hu.byteswap(inplace=True)
    stored = hu if one.signed else hu.view(np.uint16)
    _, bits, high = one.bits
    if (bits, high) != (16, 15):
        # other bits may hold an overlay, and the sign need not be drawn out
        np.left_shift(stored, 15 - high, out=stored)
        np.right_shift(stored, 16 - bits, out=stored)
    padding = padding_hu(one)
    # the lowest values are set aside with all other padding
    if not (_is_never_tissue(padding) and padding > HIGHEST_PADDING):
        padding = None
    if one.slope == 1 and one.intercept == int(one.intercept) and padding is None:
        shift = int(one.intercept)
        limits = np.iinfo(np.int16)
        if limits.min <= int(stored.min()) + shift and int(stored.max()) + shift <= limits.max:
            # the result fits, so that it is right modulo 2 to the 16
            plain = hu.view(np.uint16)
            plain += np.uint16(shift % (1 << 16))
            return None
    values = stored * one.slope + one.intercept
    if padding is not None:
        values[values == padding] = AIR
    hu[:], too_high = rounded(values)
    return "overflow" if too_high else None


def _decode(one: Header, hu: np.ndarray) -> str | None:
    """Decode a compressed slice; GDCM applies slope and intercept."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(one.file))
    values = np.squeeze(sitk.GetArrayFromImage(reader.Execute()))
    if values.shape != hu.shape:
        return "undecodable"
    padding = padding_hu(one)
    if _is_never_tissue(padding) and (values == padding).any():
        values = np.where(values == padding, AIR, values)
    hu[:], too_high = rounded(values)
    return "overflow" if too_high else None


def _is_complete(one: Header) -> bool:
    """Whether encapsulated pixel data runs to its end mark (PS3.5 A.4)."""
    with one.file.open("rb") as stream:
        stream.seek(one.pixels_at)
        while len(start := stream.read(8)) == 8:
            if start[:4] == END:
                return True
            length = int.from_bytes(start[4:], "little")
            if start[:4] != ITEM or stream.tell() + length > one.file_bytes:
                return False
            stream.seek(length, os.SEEK_CUR)
    return False
