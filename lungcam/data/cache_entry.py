"""File of one prepared input: facts, followed by arrays that are mapped into memory.

The file begins with `MAGIC`, the header's length and its CRC-32; the header is JSON with the
position and the CRC-32 of each array. Arrays are little-endian and begin at multiples of 64 bytes.
The same input gives the same bytes, so if two processes write an entry, either may win.
"""

import json
import math
import mmap
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.runtime.atomic import atomic_write

MAGIC = b"LUNGCAM1"
PREFIX = struct.Struct("<8sII")
ALIGN = 64
# dtypes of the arrays that can be stored
DTYPES = ("|b1", "|u1", "<i2", "<i4", "<i8", "<f4", "<f8")


class DamagedEntry(Exception):
    """A file of the cache does not hold what was written."""


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """Array in a file of the cache.

    Attributes:
        dtype: One of `DTYPES`.
        shape: Shape of the array.
        offset: First byte, counted from the end of the header.
        crc32: CRC-32 of its bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    crc32: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry:
    """File of the cache with its header read and its arrays mapped.

    Attributes:
        facts: Facts that were stored with the arrays.
        arrays: Stored arrays by name.
        begin: First byte after the header.
        memory: Bytes of the file.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, StoredArray]
    begin: int
    memory: mmap.mmap

    def array(self, name: str) -> np.ndarray:
        """View an array; it is read-only, and its pages are read when they are used."""
        stored = self.arrays[name]
        flat = np.frombuffer(
            self.memory, stored.dtype, math.prod(stored.shape), self.begin + stored.offset
        )
        return flat.reshape(stored.shape)

    def is_intact(self, name: str) -> bool:
        """Return True if an array has the CRC-32 of what was written; takes 0.7 ms a MB."""
        return zlib.crc32(self.array(name)) == self.arrays[name].crc32


def write_entry(file: Path, facts: Mapping[str, Any], *, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an entry, whole or not at all.

    Args:
        file: File to write.
        facts: Facts that JSON can hold.
        arrays: Arrays by name, with one of `DTYPES`.

    Raises:
        TypeError: An array has another dtype.
    """
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    stored, offset = {}, 0
    for name, array in plain.items():
        stored[name] = [array.dtype.str, array.shape, offset, zlib.crc32(array)]
        offset += _padded(array.nbytes)
    header = json.dumps({"arrays": stored, "facts": dict(facts)}, sort_keys=True).encode()
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        stream.write(PREFIX.pack(MAGIC, len(header), zlib.crc32(header)))
        stream.write(header)
        stream.write(bytes(_padded(stream.tell()) - stream.tell()))
        for array in plain.values():
            stream.write(array)
            stream.write(bytes(_padded(array.nbytes) - array.nbytes))


def read_entry(file: Path) -> Entry:
    """Read an entry's header and map its arrays, without reading them.

    Raises:
        DamagedEntry: The file does not exist, is cut short, or its header is not what was written.
    """
    try:
        with file.open("rb") as stream:
            memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise DamagedEntry(f"{file}: {error}") from error
    try:
        magic, length, crc32 = PREFIX.unpack_from(memory)
        header = memory[PREFIX.size : PREFIX.size + length]
        if magic != MAGIC or zlib.crc32(header) != crc32:
            raise DamagedEntry(f"{file}: its header is damaged.")
    except struct.error as error:
        raise DamagedEntry(f"{file}: it is cut short.") from error
    # by its checksum the header is what `write_entry` wrote: it needs no further check
    content = json.loads(header)
    arrays = {
        name: StoredArray(dtype=dtype, shape=tuple(shape), offset=offset, crc32=checksum)
        for name, (dtype, shape, offset, checksum) in content["arrays"].items()
    }
    begin = _padded(PREFIX.size + length)
    if len(memory) != begin + sum(_padded(stored.size) for stored in arrays.values()):
        raise DamagedEntry(f"{file}: it is cut short.")
    return Entry(facts=content["facts"], arrays=arrays, begin=begin, memory=memory)


def is_entry(file: Path) -> bool:
    """Return True if a file begins as an entry does, whatever follows."""
    with file.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    # not `ascontiguousarray`, which gives a scalar an axis
    array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in DTYPES:
        raise TypeError(f"{name}: arrays of {array.dtype} are not kept.")
    return array


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
