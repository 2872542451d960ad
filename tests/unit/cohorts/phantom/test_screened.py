"""One person's screening exams: the nodule grows, the pattern lies faintly where air was."""

import numpy as np
import pytest

from lungcam.cohorts.phantom.course import Course
from lungcam.cohorts.phantom.screened import Screened, screened_phantom
from lungcam.grid import Grid

SEED, WITH, WITHOUT = 12, 0.0, 0.99


def exam(cancer: int = 2000, stable: float = 0.0, proneness: float = WITH, day: int = 0, **other):
    settings = {"share": 0.8, "difficulty": 0.3, "matrix": 80} | other
    return screened_phantom(
        SEED, "malignant", Course(cancer, 25, stable, proneness), day, **settings
    )


def distance(phantom: Screened, point_mm) -> np.ndarray:
    """Of each voxel from a point, in mm."""
    grid = Grid(phantom.hu.shape, phantom.affine)
    index = np.stack(np.meshgrid(*map(np.arange, phantom.hu.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.to_world(index) - point_mm, axis=-1)


def test_the_pattern_raises_the_air_about_its_middle_and_nothing_else():
    there, gone = exam(), exam(proneness=WITHOUT)
    assert gone.pattern_mm is None
    assert gone.pattern_radius_mm == 0
    raised = there.hu.astype(int) - gone.hu
    away = distance(there, there.pattern_mm)
    inner = (away < 0.6 * there.pattern_radius_mm) & there.lungs & (gone.hu < -700)
    assert 45 < raised[inner].mean() < 140
    # lines, not a plain veil
    assert raised[inner].std() > 15
    assert not raised[away > there.pattern_radius_mm + 18].any()
    assert not raised[~there.lungs].any()
    assert raised.min() >= 0
    # still lung: no threshold between air and tissue takes it away
    assert np.median(there.hu[inner]) < -600
    assert np.array_equal(there.lungs, gone.lungs)
    # the cancer will arise within it
    assert np.linalg.norm(np.subtract(there.site_mm, there.pattern_mm)) < 8


def test_a_later_exam_shows_the_same_person_with_a_larger_nodule():
    before, after = exam(cancer=400), exam(cancer=400, day=360)
    assert (before.affine == after.affine).all()
    assert (before.site_mm, before.pattern_mm) == (after.site_mm, after.pattern_mm)
    assert before.diameter_mm == pytest.approx(25 * 2 ** (-400 / 360))
    assert after.diameter_mm == pytest.approx(25 * 2 ** (-40 / 360))
    for one in (before, after):
        assert np.linalg.norm(np.subtract(one.center_mm, one.site_mm)) < 3
    volume = after.nodule.sum() * np.prod(after.spacing)
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(after.diameter_mm, rel=0.12)
    far = (distance(after, after.site_mm) > 45) & after.lungs
    change = after.hu[far].astype(int) - before.hu[far]
    # other noise, and nothing else
    assert abs(change.mean()) < 0.5
    assert 15 < change.std() < 50


def test_without_anything_to_show_the_scan_shows_nothing():
    none = exam(proneness=WITHOUT)
    assert (none.center_mm, none.diameter_mm, none.nodule.any()) == (None, 0, False)
    # what is drawn looks at neither kind nor course
    other = exam(cancer=5000, share=0.0)
    assert np.array_equal(none.hu, other.hu)
    # one of them that does not grow
    stable = exam(stable=6.0, proneness=WITHOUT)
    changed = stable.hu != none.hu
    assert changed.any()
    assert distance(stable, stable.site_mm)[changed].max() < 12
