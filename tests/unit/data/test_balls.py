"""Nodules as balls on the network's grid."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts.sample import Sample, ScanNodule
from lungcam.data.balls import balls_share, nodule_table
from lungcam.data.lesion import WHOLE
from lungcam.grid import Grid

TARGET = Grid((12, 10, 9), np.eye(4))


def sample(name: str, **known) -> Sample:
    return Sample(name, name, Path(f"{name}.nii.gz"), 1, "by hand", **known)


def test_the_nodules_of_a_scan_go_before_the_samples_own_and_those_that_do_not_count_are_none():
    nodules = (ScanNodule((1, 2, 3), 5, True), ScanNodule((4, 5, 6), 7, False))
    table = nodule_table(
        [
            sample("unknown"),
            sample("all", center_mm=(1, 2, 3), diameter_mm=5.0, nodules=nodules),
            sample("unmeasured", center_mm=(1, 1, 1)),
            sample("own", center_mm=(7, 8, 9), diameter_mm=4.0),
        ]
    )
    assert table.tolist() == [[1, 1, 2, 3, 5], [3, 7, 8, 9, 4]]
    assert nodule_table([sample("unknown")]).shape == (0, 5)


def test_the_balls_of_a_sample_are_laid_over_each_other():
    table = np.array([[0, 5, 5, 4, 4], [2, 3, 3, 3, 4], [2, 8, 6, 5, 3], [3, 5, 5, 4, 4]])
    share = balls_share(table, 2, TARGET)
    first, second = (balls_share(table[[row]], 2, TARGET) for row in (1, 2))
    assert np.array_equal(share, np.maximum(first, second))
    assert share[3, 3, 3] == share[8, 6, 5] == WHOLE
    # voxels of 1 mm: a ball's volume in voxels
    volume = np.pi / 6 * (4**3 + 3**3)
    assert share.sum() / WHOLE == pytest.approx(volume, rel=0.04)
    assert not balls_share(table, 1, TARGET).any()
