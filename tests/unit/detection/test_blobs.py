"""Blob filter, against balls, rods and walls."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lungcam.detection.blobs import _curvatures, blob_scores


def volume(kind: str, radius: float = 2.0) -> np.ndarray:
    x, y, z = np.indices((33, 33, 33)) - 16
    squares = {"ball": x**2 + y**2 + z**2, "rod": x**2 + y**2, "wall": x**2}[kind]
    return np.where(squares <= radius**2, 0, -1000)


def test_a_ball_scores_above_a_rod_and_a_rod_above_a_wall():
    searched = np.ones((33, 33, 33), bool)
    scores = {kind: blob_scores(volume(kind), searched) for kind in ("ball", "rod", "wall")}
    inner = (slice(8, -8),) * 3
    highest = {kind: score[inner].max() for kind, score in scores.items()}
    assert highest["ball"] > 10 * highest["rod"] >= 0
    assert highest["wall"] < 1
    assert np.unravel_index(scores["ball"].argmax(), (33,) * 3) == (16, 16, 16)


def test_only_searched_places_score():
    searched = np.zeros((33, 33, 33), bool)
    searched[:10] = True
    assert not blob_scores(volume("ball"), searched)[10:].any()


def test_curvatures_are_those_of_numpys_eigenvalues():
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(12, 12, 12)), 2)
    least, most = _curvatures(smooth)
    first = np.gradient(smooth)
    for place in ((5, 6, 4), (7, 3, 8)):
        hessian = np.empty((3, 3))
        for i in range(3):
            for j in range(3):
                hessian[i, j] = np.gradient(first[i], axis=j)[place]
            before, after = np.array(place), np.array(place)
            before[i] -= 1
            after[i] += 1
            # as for the filter, the second difference of neighbours
            hessian[i, i] = smooth[tuple(before)] - 2 * smooth[place] + smooth[tuple(after)]
        values = np.linalg.eigvalsh(-hessian)
        assert least[place] == pytest.approx(values[0], abs=1e-8)
        assert most[place] == pytest.approx(values[-1], abs=1e-8)
