"""Tests of courses, of the best possible risk against many drawn courses, and of exams."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from lungcam.grid import Grid
from lungcam.phantom.screening import (
    Course,
    ScreenedPhantom,
    best_risk,
    draw_course,
    make_screened_phantom,
)

PEOPLE = 5000
YEARS = np.arange(1, 7) * 365


def draw_people(seed: int, n: int = PEOPLE) -> list[Course]:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["malignant", "malignant", "benign", "healthy"], n)
    return [draw_course(rng, kind) for kind in kinds]


@functools.cache
def exams(day: int, share: float):
    """Return days to cancer, diameters, patterns and best risks of people free of cancer."""
    free = [course for course in draw_people(1) if course.cancer > day]
    to_cancer = np.array([course.cancer - day for course in free])
    diameters = np.array([course.diameter_mm(day) for course in free])
    patterns = np.array([course.patterned(day, share) for course in free])
    risks = [best_risk(*scan, share=share) for scan in zip(diameters, patterns, strict=True)]
    return to_cancer, diameters, patterns, np.array(risks)


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    ranks, n = rankdata(score), positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n))


@pytest.mark.parametrize(("day", "share"), [(0, 0.8), (400, 0.8), (0, 0.0)])
def test_the_best_risk_is_the_frequency_of_cancer_among_equal_scans(day, share):
    to_cancer, diameters, patterns, risks = exams(day, share)
    events = to_cancer[:, None] < YEARS
    size = np.digitize(diameters, [1, 4.5, 5.5, 6.5, 7.5, 8, 12])
    cells = [(size == k) & (patterns == p) for k in range(8) for p in (False, True)]
    cells = [cell for cell in cells if cell.sum() > 30]
    assert len(cells) >= (12 if share else 7)
    for cell in [*cells, np.ones(len(size), bool)]:
        expected, n = risks[cell], cell.sum()
        # four standard errors, and half an event for years in which none is expected
        error = np.sqrt((expected * (1 - expected)).sum(axis=0)) / n
        difference = np.abs(events[cell].mean(axis=0) - expected.mean(axis=0))
        assert (difference <= 4 * error + 0.5 / n).all()


def test_no_other_ranking_has_a_higher_auc():
    to_cancer, diameters, patterns, risks = exams(0, 0.8)
    for k, days in enumerate(YEARS):
        events = to_cancer < days
        best = auc(events, risks[:, k])
        assert 0.8 < best < 0.9995
        for other in (diameters, patterns, diameters + 4 * patterns, risks[:, 5 - k]):
            assert auc(events, other) <= best + 0.004


def test_half_of_all_get_cancer_within_six_years_at_a_constant_hazard():
    days = np.array([course.cancer for course in draw_people(3, 40_000)])
    free = np.array([(days >= day).mean() for day in (1, *YEARS)])
    assert free[0] == 1
    assert free[1:] / free[:-1] == pytest.approx(0.5 ** (1 / 6), abs=0.01)
    rng = np.random.default_rng(0)
    assert all(draw_course(rng, "malignant").cancer < 2190 for _ in range(300))
    assert all(draw_course(rng, "healthy").cancer >= 2190 for _ in range(300))


def test_the_best_risk_equals_values_by_hand():
    # wider than any stable nodule; 15 mm is half of 30 mm, a year before: certain in each year
    for diameter in (15, 20, 29):
        assert best_risk(diameter, False, share=0.8) == pytest.approx(np.ones(6))
    # 9 mm is 415 to 625 days before 20 to 30 mm: after the first year and within the second
    assert best_risk(9, False, share=0.8) == pytest.approx([0, 1, 1, 1, 1, 1])
    # every cancer is visible 836 days ahead: without a nodule there is none within two years
    assert best_risk(0, True, share=0.8)[:2].tolist() == [0, 0]
    assert best_risk(0, True, share=0.8)[2] > 0
    # pattern in 0.8 of those with cancer in six years, in 0.1 of the others; odds by Bayes' rule
    odds = [risk / (1 - risk) for risk in (best_risk(0, p, share=0.8)[5] for p in (True, False))]
    assert odds[0] / odds[1] == pytest.approx((0.8 / 0.1) / (0.2 / 0.9))
    # no pattern: no nodule excludes cancers within 836 days, and some of those within 1,046
    no_nodule = best_risk(0, False, share=0)[5]
    assert 1 - 0.5 / 2 ** (-1046 / 2189) < no_nodule < 1 - 0.5 / 2 ** (-836 / 2189)


@given(
    st.integers(1, 4000), st.floats(20, 30), st.just(0.0) | st.floats(4, 8),
    st.floats(0, 1, exclude_max=True),
    # a subnormal share, such as 5e-324, underflows to odds of 0
    st.floats(0, 1, allow_subnormal=False), st.integers(0, 3000), st.integers(0, 800),
)  # fmt: skip
def test_nodules_never_shrink_patterns_never_disappear_and_risk_increases(
    cancer, diagnosed, stable, proneness, share, day, later
):
    course = Course(cancer=cancer, diagnosed_mm=diagnosed, stable_mm=stable, proneness=proneness)
    day = min(day, cancer - 1)
    later = min(day + later, cancer - 1)
    assert course.diameter_mm(day) <= course.diameter_mm(later)
    assert course.patterned(day, share) <= course.patterned(later, share)
    assert course.diameter_mm(cancer) == diagnosed
    risk = best_risk(course.diameter_mm(day), course.patterned(day, share), share=share)
    assert (np.diff(risk, prepend=0) >= 0).all()
    assert risk[-1] <= 1


def test_the_pattern_has_the_given_shares():
    people = draw_people(4, 20_000)
    patterned = np.array([course.patterned(0, 0.6) for course in people])
    soon = np.array([course.cancer < 2190 for course in people])
    assert patterned[soon].mean() == pytest.approx(0.6, abs=0.02)
    assert patterned[~soon].mean() == pytest.approx(0.075, abs=0.012)
    assert not any(course.patterned(0, 0.0) for course in people)


SEED, WITH, WITHOUT = 12, 0.0, 0.99


def exam(cancer: int = 2000, stable: float = 0.0, proneness: float = WITH, day: int = 0, **other):
    settings = {"share": 0.8, "difficulty": 0.3, "matrix": 80} | other
    return make_screened_phantom(
        SEED,
        "malignant",
        course=Course(cancer=cancer, diagnosed_mm=25, stable_mm=stable, proneness=proneness),
        day=day,
        **settings,
    )


def distance(phantom: ScreenedPhantom, point_mm) -> np.ndarray:
    """Return the distance of each voxel from a point in mm."""
    grid = Grid(phantom.hu.shape, phantom.affine)
    index = np.stack(np.meshgrid(*map(np.arange, phantom.hu.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.to_world(index) - point_mm, axis=-1)


def test_the_pattern_raises_only_the_air_around_its_centre():
    present, absent = exam(), exam(proneness=WITHOUT)
    assert absent.pattern_mm is None
    assert absent.pattern_radius_mm == 0
    raised = present.hu.astype(int) - absent.hu
    offset = distance(present, present.pattern_mm)
    inner = (offset < 0.6 * present.pattern_radius_mm) & present.lungs & (absent.hu < -700)
    assert 45 < raised[inner].mean() < 140
    # lines, not a plain veil
    assert raised[inner].std() > 15
    assert not raised[offset > present.pattern_radius_mm + 18].any()
    assert not raised[~present.lungs].any()
    assert raised.min() >= 0
    # still lung: no threshold between air and tissue excludes it
    assert np.median(present.hu[inner]) < -600
    assert np.array_equal(present.lungs, absent.lungs)
    # the cancer will arise within it
    assert np.linalg.norm(np.subtract(present.site_mm, present.pattern_mm)) < 8


def test_a_later_exam_shows_the_same_person_with_a_larger_nodule():
    before, after = exam(cancer=400), exam(cancer=400, day=360)
    assert (before.affine == after.affine).all()
    assert (before.site_mm, before.pattern_mm) == (after.site_mm, after.pattern_mm)
    assert before.diameter_mm == pytest.approx(25 * 2 ** (-400 / 360))
    assert after.diameter_mm == pytest.approx(25 * 2 ** (-40 / 360))
    for scan in (before, after):
        assert np.linalg.norm(np.subtract(scan.center_mm, scan.site_mm)) < 3
    volume = after.nodule.sum() * np.prod(after.spacing)
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(after.diameter_mm, rel=0.12)
    far = (distance(after, after.site_mm) > 45) & after.lungs
    change = after.hu[far].astype(int) - before.hu[far]
    # other noise, and nothing else
    assert abs(change.mean()) < 0.5
    assert 15 < change.std() < 50


def test_a_scan_without_nodule_and_pattern_shows_neither():
    none = exam(proneness=WITHOUT)
    assert (none.center_mm, none.diameter_mm, none.nodule.any()) == (None, 0, False)
    # the draws depend on neither the kind nor the course
    other = exam(cancer=5000, share=0.0)
    assert np.array_equal(none.hu, other.hu)
    # a nodule that does not grow
    stable = exam(stable=6.0, proneness=WITHOUT)
    changed = stable.hu != none.hu
    assert changed.any()
    assert distance(stable, stable.site_mm)[changed].max() < 12
