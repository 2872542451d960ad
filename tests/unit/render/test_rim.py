import numpy as np

from lungcam.render.rim import dense_rim


def test_wall_is_peeled_and_vessel_and_nodule_are_kept():
    mask = np.zeros((40, 40, 40), np.float32)
    mask[5:35, 5:35, 5:35] = 1
    shown = 50 * mask
    shown[5:9] = 170  # 4 mm of chest wall
    shown[14:18, 20, 6:34] = 170  # a vessel
    shown[22:30, 10:18, 20:28] = 170  # a nodule
    peeled = dense_rim(shown, mask, 1.0)
    expected = mask < 0.5
    expected[5:9] = True
    assert (peeled == expected).all()


def test_only_six_millimetres_are_peeled():
    mask = np.zeros((50, 50, 50), np.float32)
    mask[5:45, 5:45, 5:45] = 1
    kept = ~dense_rim(170 * mask, mask, 2.0)
    assert kept.sum() == (40 - 2 * 3) ** 3


def test_partly_covered_voxels_do_not_stop_it():
    mask = np.zeros((20, 5, 5), np.float32)
    mask[4], mask[5:15] = 0.6, 1
    shown = 50 * mask
    shown[4:7] = 170 * mask[4:7]
    assert dense_rim(shown, mask, 1.0)[:7].all()
