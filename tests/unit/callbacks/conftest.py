"""Fixtures of other packages' tests that callbacks need too."""

from ..data.conftest import two_series
from ..scans.conftest import hu, write_series

__all__ = ["hu", "two_series", "write_series"]
