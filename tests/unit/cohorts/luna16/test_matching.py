"""LUNA16's rule of a hit, against a loop over all pairs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.cohorts.luna16 import hits

coordinates = st.tuples(*[st.integers(-20, 20)] * 3)


def loop_over_pairs(points, centers, diameters):
    """Apply the rule point by point."""
    hit = []
    for point in points:
        best, index = np.inf, -1
        for k, (center, diameter) in enumerate(zip(centers, diameters, strict=True)):
            squared = sum((a - b) ** 2 for a, b in zip(point, center, strict=True))
            if 4 * squared < diameter**2 and squared < best:
                best, index = squared, k
        hit.append(index)
    return hit


@settings(deadline=None)
@given(
    st.lists(coordinates, max_size=20),
    st.lists(st.tuples(coordinates, st.integers(1, 30)), max_size=6),
)
def test_the_nearest_nodule_within_its_radius_is_hit(points, nodules):
    centers = [center for center, _ in nodules]
    diameters = [diameter for _, diameter in nodules]
    hit = hits(
        np.array(points, float).reshape(-1, 3),
        np.array(centers, float).reshape(-1, 3),
        diameters=np.array(diameters, float),
    )
    assert hit.tolist() == loop_over_pairs(points, centers, diameters)


def test_a_point_on_the_surface_is_no_hit():
    points = np.array([[3.0, 0, 0], [2.99, 0, 0]])
    assert hits(points, np.zeros((1, 3)), diameters=np.array([6.0])).tolist() == [-1, 0]


def test_a_finding_without_a_diameter_takes_10_mm():
    points = np.array([[4.9, 0, 0], [5.1, 0, 0]])
    assert hits(points, np.zeros((1, 3)), diameters=np.array([-1.0])).tolist() == [0, -1]
