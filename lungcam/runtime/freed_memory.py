"""Memory that a process frees and needs again."""

import ctypes
import sys

# of malloc.h: size from which an array is mapped by itself, and free memory from which on the
# heap shrinks
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
# bytes, larger than any array
LARGEST = 2**30


def keep_freed_memory() -> None:
    """Keep freed memory for the next array instead of returning it to the system.

    Every step of a training, and every scan, frees its arrays and requests the same again. If they
    are returned in between, the system clears each page again when it is first touched. Works with
    the GNU C library; elsewhere nothing is changed.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # the second setting alone would map every array by itself
    if mallopt and mallopt(M_MMAP_THRESHOLD, LARGEST):
        mallopt(M_TRIM_THRESHOLD, LARGEST)
