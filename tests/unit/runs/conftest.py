"""What the tests of the commands share with those of the data."""

from ..data.conftest import one_processor

__all__ = ["one_processor"]
