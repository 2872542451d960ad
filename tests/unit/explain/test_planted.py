"""A voxel that lights up in a scan on disk is found in the scanner's space; see benchmarks."""

import pytest

from benchmarks.planted import EXACT, planted


@pytest.mark.parametrize("seed", range(24))
def test_response_stands_at_its_voxel(seed, tmp_path):
    """Behind random nets, in oblique, anisotropic and flipped .mhd files."""
    off = planted(seed, tmp_path, whole_chest=seed % 12 == 11)
    assert off[EXACT].cells <= 0.5
