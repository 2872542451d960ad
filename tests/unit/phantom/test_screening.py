"""What becomes of phantom people, and the best possible risk, against the fates of many.

One person's screening exams: the nodule grows, the pattern lies faintly where air was.
"""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from lungcam.grid import Grid
from lungcam.phantom.screening import Course, Screened, best_risk, draw_course, screened_phantom

PEOPLE = 5000
YEARS = np.arange(1, 7) * 365


def drawn(seed: int, n: int = PEOPLE) -> list[Course]:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["malignant", "malignant", "benign", "healthy"], n)
    return [draw_course(rng, kind) for kind in kinds]


@functools.cache
def seen(day: int, share: float):
    """As `look`, of one and the same crowd."""
    return look(drawn(1), day, share)


def look(people: list[Course], day: int, share: float):
    """Days to cancer, diameters, patterns and best risks of exams on a day, of those still free."""
    free = [one for one in people if one.cancer > day]
    to_cancer = np.array([one.cancer - day for one in free])
    diameters = np.array([one.diameter_mm(day) for one in free])
    patterns = np.array([one.patterned(day, share) for one in free])
    risks = [best_risk(*found, share) for found in zip(diameters, patterns, strict=True)]
    return to_cancer, diameters, patterns, np.array(risks)


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    ranks, n = rankdata(score), positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n))


@pytest.mark.parametrize(("day", "share"), [(0, 0.8), (400, 0.8), (0, 0.0)])
def test_the_best_risk_is_how_often_cancer_comes_to_those_who_look_alike(day, share):
    to_cancer, diameters, patterns, risks = seen(day, share)
    came = to_cancer[:, None] < YEARS
    size = np.digitize(diameters, [1, 4.5, 5.5, 6.5, 7.5, 8, 12])
    cells = [(size == k) & (patterns == p) for k in range(8) for p in (False, True)]
    cells = [cell for cell in cells if cell.sum() > 30]
    assert len(cells) >= (12 if share else 7)
    for cell in [*cells, np.ones(len(size), bool)]:
        told, n = risks[cell], cell.sum()
        # four standard errors; the last of them for what no one in the cell is expected to have
        error = np.sqrt((told * (1 - told)).sum(axis=0)) / n
        assert (np.abs(came[cell].mean(axis=0) - told.mean(axis=0)) <= 4 * error + 0.5 / n).all()


def test_no_other_ranking_has_a_higher_auc():
    to_cancer, diameters, patterns, risks = seen(0, 0.8)
    for k, days in enumerate(YEARS):
        came = to_cancer < days
        best = auc(came, risks[:, k])
        assert 0.8 < best < 0.9995
        for other in (diameters, patterns, diameters + 4 * patterns, risks[:, 5 - k]):
            assert auc(came, other) <= best + 0.004


def test_half_of_all_get_cancer_within_six_years_and_each_year_takes_the_same_share():
    days = np.array([one.cancer for one in drawn(3, 40_000)])
    kept = np.array([(days >= at).mean() for at in (1, *YEARS)])
    assert kept[0] == 1
    assert kept[1:] / kept[:-1] == pytest.approx(0.5 ** (1 / 6), abs=0.01)
    rng = np.random.default_rng(0)
    assert all(draw_course(rng, "malignant").cancer < 2190 for _ in range(300))
    assert all(draw_course(rng, "healthy").cancer >= 2190 for _ in range(300))


def test_what_the_best_risk_is_by_hand():
    # wider than any that does not grow; 15 mm are half of 30, a year before: certain in each year
    for diameter in (15, 20, 29):
        assert best_risk(diameter, False, 0.8) == pytest.approx(np.ones(6))
    # 415 to 625 days before it is 20 to 30 mm wide: not within the first year, and in the second
    assert best_risk(9, False, 0.8) == pytest.approx([0, 1, 1, 1, 1, 1])
    # every cancer is seen 836 days ahead: without a nodule none comes within two years
    assert best_risk(0, True, 0.8)[:2].tolist() == [0, 0]
    assert best_risk(0, True, 0.8)[2] > 0
    # the pattern: 0.8 of those with cancer in six years, 0.1 of others; odds by Bayes' rule
    odds = [risk / (1 - risk) for risk in (best_risk(0, p, 0.8)[5] for p in (True, False))]
    assert odds[0] / odds[1] == pytest.approx((0.8 / 0.1) / (0.2 / 0.9))
    # nobody has it: no nodule leaves cancers of before 836 days out, and some of before 1,046
    no_nodule = best_risk(0, False, 0)[5]
    assert 1 - 0.5 / 2 ** (-1046 / 2189) < no_nodule < 1 - 0.5 / 2 ** (-836 / 2189)


@given(
    st.integers(1, 4000), st.floats(20, 30), st.just(0.0) | st.floats(4, 8),
    st.floats(0, 1, exclude_max=True), st.floats(0, 1), st.integers(0, 3000), st.integers(0, 800),
)  # fmt: skip
def test_nothing_shrinks_or_goes_and_risk_never_decreases(
    cancer, diagnosed, stable, proneness, share, day, later
):
    one = Course(cancer=cancer, diagnosed_mm=diagnosed, stable_mm=stable, proneness=proneness)
    day = min(day, cancer - 1)
    later = min(day + later, cancer - 1)
    assert one.diameter_mm(day) <= one.diameter_mm(later)
    assert one.patterned(day, share) <= one.patterned(later, share)
    assert one.diameter_mm(cancer) == diagnosed
    risk = best_risk(one.diameter_mm(day), one.patterned(day, share), share)
    assert (np.diff(risk, prepend=0) >= 0).all()
    assert risk[-1] <= 1


def test_the_pattern_comes_in_the_shares_that_were_asked_for():
    people = drawn(4, 20_000)
    found = np.array([one.patterned(0, 0.6) for one in people])
    soon = np.array([one.cancer < 2190 for one in people])
    assert found[soon].mean() == pytest.approx(0.6, abs=0.02)
    assert found[~soon].mean() == pytest.approx(0.075, abs=0.012)
    assert not any(one.patterned(0, 0.0) for one in people)


SEED, WITH, WITHOUT = 12, 0.0, 0.99


def exam(cancer: int = 2000, stable: float = 0.0, proneness: float = WITH, day: int = 0, **other):
    settings = {"share": 0.8, "difficulty": 0.3, "matrix": 80} | other
    return screened_phantom(
        SEED,
        "malignant",
        course=Course(cancer=cancer, diagnosed_mm=25, stable_mm=stable, proneness=proneness),
        day=day,
        **settings,
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
