"""A short run of the fuzzer with fixed seeds; `make fuzz` runs it for minutes."""

import os

import pytest

from .fuzz import fuzz, seeds


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_random_changes_are_taken_or_refused(tmp_path, first, record_property):
    files = seeds(tmp_path)
    here = os.getcwd()
    try:
        for seed in range(first, first + 100):
            fuzz(seed, tmp_path, files)
    finally:
        os.chdir(here)
    record_property("attack", {"cases": 100})
