"""FROC by the rule of LUNA16, worked by hand and against MONAI's."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_froc_curve_data, compute_froc_score

from lungcam.metrics import RATES, Marks, froc, match, random_sensitivity, within_radius


def scan(candidates=(), nodules=(), excluded=()) -> Marks:
    """Put candidates `(x, score)`, nodules and excluded findings `(x, diameter)` on one line."""

    def places(pairs):
        return np.array([(x, 0.0, 0.0) for x, _ in pairs]).reshape(-1, 3)

    def numbers(pairs):
        return np.array([number for _, number in pairs], float)

    return Marks(
        points=places(candidates),
        scores=numbers(candidates),
        centers=places(nodules),
        diameters=numbers(nodules),
        excluded_centers=places(excluded),
        excluded_diameters=numbers(excluded),
    )


@pytest.mark.parametrize(
    ("margin_mm", "inclusive", "hits"),
    [
        (0.0, False, [True, False, False, False]),
        (0.0, True, [True, True, False, False]),
        (5.0, False, [True, True, False, False]),
        (5.0, True, [True, True, True, False]),
    ],
)
def test_a_point_on_the_surface_hits_only_if_the_surface_is_included(margin_mm, inclusive, hits):
    distances = np.array([np.nextafter(4, 0), 4, 9, np.nan])
    inside = within_radius(distances, 8, margin_mm=margin_mm, inclusive=inclusive)
    assert inside.tolist() == hits


def test_each_distance_is_compared_with_its_own_nodule():
    assert within_radius([[1.0, 3.0]], [4, 4]).tolist() == [[True, False]]
    assert within_radius([[3.0, 3.0]], [4, 8]).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("marks", "best", "false"),
    [
        pytest.param(scan(), [], [], id="nothing at all"),
        pytest.param(scan(nodules=[(0, 10)]), [-np.inf], [], id="no candidate"),
        pytest.param(scan([(0, 0.9), (7, 0.1)]), [], [0.9, 0.1], id="no nodule"),
        pytest.param(scan([(4.9, 0.9)], [(0, 10)]), [0.9], [], id="within the radius"),
        pytest.param(scan([(5, 0.9)], [(0, 10)]), [-np.inf], [0.9], id="on the radius"),
        pytest.param(scan([(0, 0.2), (1, 0.9), (-2, 0.5)], [(0, 10)]), [0.9], [], id="duplicates"),
        pytest.param(scan([(0, 0.9)], (), [(1, 4)]), [], [], id="excluded"),
        pytest.param(
            scan([(0, 0.9)], [(50, 4)], [(1, 4)]), [-np.inf], [], id="excluded, nodule missed"
        ),
        pytest.param(
            scan([(0, 0.9)], [(1, 4)], [(-1, 4)]), [0.9], [], id="a nodule goes before excluded"
        ),
        pytest.param(scan([(3, 0.9)], [(0, 10), (6, 10)]), [0.9, 0.9], [], id="within two nodules"),
        pytest.param(
            scan([(3, 0.4), (-4, 0.7), (30, 0.5)], [(0, 10), (6, 10)]),
            [0.7, 0.4],
            [0.5],
            id="two nodules, one candidate in both",
        ),
    ],
)
def test_candidates_hit_miss_or_are_ignored(marks, best, false):
    scores, false_positives = match(marks)
    assert scores.tolist() == best
    assert false_positives.tolist() == false


def test_nodules_may_be_turned_into_excluded_findings():
    marks = scan([(0, 0.9), (50, 0.8), (90, 0.7)], [(0, 4), (50, 20)])
    best, false_positives = match(marks.excluding(np.array([True, False])))
    assert (best.tolist(), false_positives.tolist()) == ([0.8], [0.7])


def test_curve_and_score_by_hand():
    """Two scans with three nodules; from the surest: hit, false, hit, false, false.

    Points (false positives a scan, sensitivity): (0, 1/3), (1/2, 1/3), (1/2, 2/3), (1, 2/3),
    (3/2, 2/3). Lines join them, and the last level continues.
    """
    result = froc(
        [
            scan([(0, 0.9), (90, 0.6), (91, 0.5)], [(0, 10), (40, 10)]),
            scan([(0, 0.8), (20, 0.7)], [(20, 10)]),
        ]
    )
    false, sensitivity = result.curve()
    assert false.tolist() == [0, 0, 0.5, 0.5, 1, 1.5]
    np.testing.assert_allclose(sensitivity, np.array([0, 1, 1, 2, 2, 2]) / 3)
    np.testing.assert_allclose(result.sensitivity(), np.array([1, 1, 2, 2, 2, 2, 2]) / 3)
    assert result.cpm() == pytest.approx(12 / 21)


def test_the_first_false_positive_is_joined_to_the_origin():
    # one scan: a false positive before the hit; the line from (0, 0) to (1, 0), then up
    assert (
        froc([scan([(90, 0.9), (0, 0.8)], [(0, 10)])]).sensitivity().tolist() == [0] * 3 + [1.0] * 4
    )


def test_equal_scores_are_one_threshold():
    # a hit and two false positives at once: a line from (0, 0) to (2, 1)
    tied = froc([scan([(0, 0.5), (80, 0.5), (90, 0.5)], [(0, 10)])])
    np.testing.assert_allclose(tied.sensitivity(), [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 1, 1])


def test_scans_without_candidates_or_nodules_count():
    busy = scan([(0, 0.9), (90, 0.95)], [(0, 10)])
    alone, among_empty = froc([busy]), froc([busy, *[scan()] * 7])
    assert alone.curve()[0][-1] == 1
    assert among_empty.curve()[0][-1] == 1 / 8
    assert alone.sensitivity()[0] == 0
    assert among_empty.sensitivity()[0] == 1
    # a nodule in a scan without candidates is missed
    assert froc([busy, scan(nodules=[(0, 10)])]).sensitivity().max() == 0.5


def test_without_a_nodule_there_is_no_score():
    empty = froc([scan([(0, 0.5)]), scan()])
    assert np.isnan(empty.cpm())
    assert np.isnan(empty.intervals()).all()


def test_without_a_candidate_the_score_is_0():
    assert froc([scan(nodules=[(0, 10)])]).cpm() == 0


def test_an_oracle_scores_1():
    rng = np.random.default_rng(0)
    scans = []
    for count in rng.integers(0, 4, 40):
        centers = rng.uniform(0, 300, (count, 3))
        diameters = rng.uniform(3, 30, count)
        scans.append(
            Marks(points=centers, scores=np.ones(count), centers=centers, diameters=diameters)
        )
    assert froc(scans).cpm() == 1


def test_random_points_score_their_closed_form():
    """Draw m uniform points with uniform scores; a nodule takes the share p of its scan.

    Above a threshold that lets the share q of the points pass, the sensitivity is
    1 - (1 - q p)^m at q m (1 - p) false positives a scan. As m grows without limit, with L = q m
    points a scan, it is 1 - exp(-L p) at L (1 - p): `random_sensitivity`.
    """
    rng = np.random.default_rng(0)
    n, m, side, diameter = 1500, 40, 100.0, 50.0
    scans = [
        Marks(
            points=rng.uniform(0, side, (m, 3)),
            scores=rng.random(m),
            centers=rng.uniform(diameter / 2, side - diameter / 2, (1, 3)),
            diameters=np.array([diameter]),
        )
        for _ in range(n)
    ]
    share = np.pi / 6 * diameter**3 / side**3
    passed = np.array(RATES) / (m * (1 - share))
    expected = 1 - (1 - passed * share) ** m
    # three standard errors of the largest, .43 of 1,500
    np.testing.assert_allclose(froc(scans).sensitivity(), expected, atol=0.04)
    limit = random_sensitivity([np.array([share])] * n, [0.0] * n)
    np.testing.assert_allclose(limit, expected, atol=0.004)


def test_random_points_ignore_excluded_findings():
    # half the volume counts neither way: twice as many points fall for the same false positives
    plain = random_sensitivity([np.array([0.01])], [0.0])
    ignoring = random_sensitivity([np.array([0.01])], [0.5])
    np.testing.assert_allclose(1 - (1 - plain) ** (0.99 / 0.49), ignoring)
    assert np.isnan(random_sensitivity([np.zeros(0)], [0.0])).all()


# places on a line of 40 mm, nodules of 8 mm, few scores: hits, ties and overlaps are the rule
PLACES = st.integers(0, 40)
SCORES = st.integers(1, 5)
SCANS = st.lists(
    st.builds(
        scan,
        st.lists(st.tuples(PLACES, SCORES), max_size=6),
        st.lists(st.tuples(PLACES, st.just(8)), max_size=2),
        st.lists(st.tuples(PLACES, st.just(8)), max_size=1),
    ),
    min_size=1,
    max_size=5,
)


def has_nodules(cases):
    return any(len(marks.centers) for marks in cases)


@settings(deadline=None)
@given(SCANS.filter(has_nodules))
def test_the_curve_is_that_of_monai(cases):
    matched = [match(marks) for marks in cases]
    best = np.concatenate([scores for scores, _ in matched])
    false = np.concatenate([false_positives for _, false_positives in matched])
    hits = best[np.isfinite(best)]
    # MONAI leaves the lowest threshold out: add one below all scores
    per_scan, sensitivity = compute_froc_curve_data(
        np.append(false, -1.0), hits, len(best), len(cases)
    )
    ours = froc(cases)
    np.testing.assert_allclose(ours.curve(), [per_scan[::-1], sensitivity[::-1]])
    score = compute_froc_score(per_scan, sensitivity, RATES)
    assert ours.cpm() == pytest.approx(float(score))
    assert np.all(np.diff(ours.sensitivity()) >= 0)
    assert 0 <= ours.cpm() <= 1


@settings(deadline=None)
@given(SCANS.filter(has_nodules), SCORES)
def test_one_more_false_positive_never_raises_the_score(cases, score):
    first = cases[0]
    far = replace(
        first,
        points=np.vstack([first.points, [[1000.0, 0, 0]]]),
        scores=np.append(first.scores, score),
    )
    before, after = froc(cases).sensitivity(), froc([far, *cases[1:]]).sensitivity()
    assert np.all(after <= before + 1e-12)


@settings(deadline=None)
@given(SCANS.filter(has_nodules))
def test_the_score_depends_on_the_order_alone(cases):
    squared = [replace(marks, scores=marks.scores**2 + 7) for marks in cases]
    assert np.array_equal(froc(squared).sensitivity(), froc(cases).sensitivity())


@settings(deadline=None, max_examples=30)
@given(SCANS.filter(has_nodules), st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_a_weight_counts_as_repeated_scans(cases, weights):
    weights = np.array(weights[: len(cases)], float)
    repeated = [marks for marks, w in zip(cases, weights, strict=True) for _ in range(int(w))]
    if has_nodules(repeated):
        weighted = froc(cases).weighted()(weights[None])[0]
        np.testing.assert_allclose(weighted, froc(repeated).sensitivity())


def test_many_candidates_are_resampled_in_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    cases = [
        scan([(x, s) for x, s in rng.uniform(0, 40, (5, 2))], [(rng.uniform(0, 40), 8)])
        for _ in range(12)
    ]
    weights = rng.integers(1, 4, (9, 12)).astype(float)
    at_once = froc(cases).weighted()(weights)
    # `lungcam.metrics.froc` is the function
    monkeypatch.setattr(import_module("lungcam.metrics.froc"), "MAX_WEIGHTS", 100)
    assert np.array_equal(froc(cases).weighted()(weights), at_once)


def test_intervals_hold_the_score_and_draw_patients_together():
    rng = np.random.default_rng(2)
    cases = [
        scan([(0, rng.random()), (90, rng.random())], [(0, 10)] if rng.random() < 0.7 else [])
        for _ in range(40)
    ]
    result = froc(cases)
    low, high = result.intervals()[-1]
    assert low < result.cpm() < high
    pairs = result.intervals(np.repeat(np.arange(20), 2))[-1]
    assert pairs.tolist() != [low, high]
