"""Reading and checking of CT scans, and writing of volumes.

A scan is read correctly or refused in one line. `lungcam.findings` defines the outcomes,
`catalogue` lists what is read and the codes of all findings.
"""

from lungcam.scans.discover import Source, discover, scan_name
from lungcam.scans.read import check_scan, read_scan, write_volume
from lungcam.scans.scan import Scan

__all__ = [
    "Scan",
    "Source",
    "check_scan",
    "discover",
    "read_scan",
    "scan_name",
    "write_volume",
]
