"""Fixtures of the DICOM tests that callbacks need too."""

from ..scans.conftest import hu, write_series

__all__ = ["hu", "write_series"]
