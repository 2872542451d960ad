"""Bounds of a scan: what a header declares is compared with its file before anything is unpacked.

A header of a few bytes can declare voxels that no memory holds, and a packed file of a few
megabytes can hold gigabytes of zeros. Neither is a CT.
"""

import os

from lungcam.errors import InputError
from lungcam.findings import ScanCheck

SETTING = "LUNGCAM_SCAN_GB"
# memory of a volume in HU, 16 bits each: 2,000 slices of 1024 x 1024 take 4.2 GB
DEFAULT_GB = 4.5
HU_BYTES = 2
# bytes that a packed byte can hold, by the format itself: Deflate, RLE (PackBits)
DEFLATE, RLE, NONE = 1032, 64, 1
# a CT of nothing but air is packed 300 times; a large volume beyond this ratio is no CT
MOST_RATIO, LARGE = 500, 256 << 20
# bytes of a header, and of what may follow the voxels
SLACK = 1 << 20
MOST_COUNTED = 10**15
REMEDY = "copy or export the scan again"


def limit_bytes() -> int:
    """Return the largest size of a volume in HU, in bytes.

    Raises:
        InputError: The setting is no number above 0.
    """
    text = os.environ.get(SETTING, "") or str(DEFAULT_GB)
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < 1e6:
        raise InputError(f"{SETTING}={text}: give the gigabytes that a scan may take, such as 4.5.")
    return int(limit * 1e9)


def fits(check: ScanCheck, *, values: int, item_bytes: float, stored: int, packing: float) -> bool:
    """Compare the voxels that a header declares with the file and with the limit in memory.

    Args:
        check: Receives the finding too_large or truncated_file.
        values: Number of voxels.
        item_bytes: Bytes of each.
        stored: Bytes of the file or files that hold them.
        packing: Bytes that a stored byte can hold by the format.

    Returns:
        False if they are refused.
    """
    limit, declared = limit_bytes(), int(min(values, MOST_COUNTED) * item_bytes)
    if values * HU_BYTES > limit:
        check.add(
            "too_large",
            "refused",
            message=f"the header declares {_count(values)} voxels, over {limit / 1e9:g} GB of HU",
            remedy=f"export the chest alone, or set {SETTING} higher",
        )
    elif declared > stored * packing + (SLACK if packing > 1 else 0):
        check.add(
            "truncated_file",
            "refused",
            message=f"the header declares {declared:,} bytes of voxels, more than the {stored:,} "
            "bytes of the file can hold",
            remedy=REMEDY,
        )
    elif declared > LARGE and declared > stored * MOST_RATIO:
        check.add(
            "too_large",
            "refused",
            message=f"{stored:,} bytes unpack to {declared:,}, as no CT does",
            remedy="unpack it yourself if you trust it",
        )
    else:
        return True
    return False


def _count(values: int) -> str:
    return f"{values:,}" if values < MOST_COUNTED else f"over {MOST_COUNTED:,}"
