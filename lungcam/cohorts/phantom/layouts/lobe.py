"""Which lobe of a phantom's lungs a place lies in."""

import numpy as np

from lungcam.cohorts.phantom.phantom import Phantom


def lobe_at(phantom: Phantom, point_mm: tuple[float, float, float]) -> int:
    """Code of the lobe at a place in RAS mm, as NLST's sct_epi_loc has it.

    The oblique fissures are where `anatomy` draws them; the right middle lobe and the lingula are
    taken as what lies before them in the lower half of the lungs.
    """
    used = np.flatnonzero(phantom.lungs.any(axis=(0, 1)))
    height = (used[-1] - used[0]) * phantom.affine[2, 2]
    index = np.linalg.solve(phantom.affine, [*point_mm, 1])[:3]
    middle = (phantom.hu.shape[0] - 1) / 2
    x, y = (index[:2] - middle) * phantom.spacing[:2]
    z = (index[2] - used[0]) * phantom.affine[2, 2]
    right = x < 0
    if z < 0.45 * height + 0.9 * y:
        return 3 if right else 6
    if z < 0.5 * height:
        return 2 if right else 5
    return 1 if right else 4
