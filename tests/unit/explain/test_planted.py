"""Response of a net to a bright voxel of a scan on disk, in the scanner's space; see benchmarks."""

import pytest

from benchmarks.planted import EXACT, planted


@pytest.mark.parametrize("seed", range(24))
def test_response_lies_at_its_voxel(seed, tmp_path):
    """With random nets and oblique, anisotropic and flipped .mhd files."""
    off = planted(seed, tmp_path, whole_chest=seed % 12 == 11)
    assert off[EXACT].cells <= 0.5
