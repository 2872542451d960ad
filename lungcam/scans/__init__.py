"""Read, check and write a scan."""

from lungcam.scans.discover import Source, discover
from lungcam.scans.read import read_scan
from lungcam.scans.scan import Scan
from lungcam.scans.write import write_volume

__all__ = ["Scan", "Source", "discover", "read_scan", "write_volume"]
