"""A prepared input as one file: facts in front, then arrays that are mapped into memory.

The file begins with `MAGIC`, the header's length and its CRC-32; the header is JSON and says where
each array lies, and its CRC-32. Arrays are little-endian and begin at multiples of 64 bytes. The
same input gives the same bytes, so that of two processes which write one entry either may win.
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
# the kinds of array that are kept
KINDS = ("|b1", "|u1", "<i2", "<i4", "<i8", "<f4", "<f8")


class DamagedEntry(Exception):
    """A file of the cache is not what was written."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an array lies in its file.

    Attributes:
        kind: Its dtype, one of `KINDS`.
        shape: Its shape.
        offset: First byte, from the end of the header on.
        crc32: Of its bytes.
    """

    kind: str
    shape: tuple[int, ...]
    offset: int
    crc32: int

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * np.dtype(self.kind).itemsize


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry:
    """A file that `store` wrote, its header read and its arrays mapped.

    Attributes:
        facts: What was kept beside the arrays.
        places: Where the arrays lie, by name.
        begin: Where the first one begins.
        memory: The file.
    """

    facts: Mapping[str, Any]
    places: Mapping[str, Place]
    begin: int
    memory: mmap.mmap

    def array(self, name: str) -> np.ndarray:
        """View an array; it is read-only, and its pages are read when they are used."""
        place = self.places[name]
        flat = np.frombuffer(
            self.memory, place.kind, math.prod(place.shape), self.begin + place.offset
        )
        return flat.reshape(place.shape)

    def intact(self, name: str) -> bool:
        """Whether an array is what was written, by its CRC-32: 0.7 ms a MB."""
        return zlib.crc32(self.array(name)) == self.places[name].crc32


def store(file: Path, facts: Mapping[str, Any], *, arrays: Mapping[str, np.ndarray]) -> None:
    """Write facts, which JSON can hold, and arrays by name, whole or not at all."""
    kept = {name: _plain(name, array) for name, array in arrays.items()}
    places, offset = {}, 0
    for name, array in kept.items():
        kind = array.dtype.str
        places[name] = [kind, array.shape, offset, zlib.crc32(array)]
        offset += _padded(array.nbytes)
    header = json.dumps({"arrays": places, "facts": dict(facts)}, sort_keys=True).encode()
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        stream.write(PREFIX.pack(MAGIC, len(header), zlib.crc32(header)))
        stream.write(header)
        stream.write(bytes(_padded(stream.tell()) - stream.tell()))
        for array in kept.values():
            stream.write(array)
            stream.write(bytes(_padded(array.nbytes) - array.nbytes))


def read(file: Path) -> Entry:
    """Read an entry's header and map its arrays, of which nothing is read yet.

    Raises:
        DamagedEntry: The file is not there, is cut short, or its header is not what was written.
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
    # by its checksum the header is what `store` wrote, so it need not be doubted any more
    told = json.loads(header)
    places = {
        name: Place(kind=k, shape=tuple(s), offset=at, crc32=crc)
        for name, (k, s, at, crc) in told["arrays"].items()
    }
    begin = _padded(PREFIX.size + length)
    if len(memory) != begin + sum(_padded(place.size) for place in places.values()):
        raise DamagedEntry(f"{file}: it is cut short.")
    return Entry(facts=told["facts"], places=places, begin=begin, memory=memory)


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    # not `ascontiguousarray`, which gives a scalar an axis
    array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in KINDS:
        raise TypeError(f"{name}: arrays of {array.dtype} are not kept.")
    return array


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
