"""Folds and seeds pooled, by hand and against the functions on the whole."""

import json

import numpy as np
import pytest

from lungcam.metrics import (
    ScoredSamples,
    auc,
    auc_interval,
    paired_difference,
    pool_folds,
    pool_seeds,
)


def fold(generator, names, offset: float = 0.0) -> ScoredSamples:
    """Samples of two a patient, a score of some worth and the diameter of every other."""
    n = len(names)
    labels = np.arange(n) % 2
    diameters = np.where(np.arange(n) % 4 < 2, 5 + 3 * labels + generator.normal(size=n), np.nan)
    return ScoredSamples(
        np.array(names),
        labels,
        generator.normal(size=n) + 1.5 * labels + offset,
        np.array([f"p{name[:-1]}" for name in names]),
        {"diameter": diameters},
    )


@pytest.fixture
def folds() -> list[ScoredSamples]:
    generator = np.random.default_rng(0)
    names = [f"{i // 2:03d}{'ab'[i % 2]}" for i in range(120)]
    return [fold(generator, names[:40]), fold(generator, names[40:80]), fold(generator, names[80:])]


def test_folds_stand_beside_the_pool(folds):
    figures = pool_folds(folds, seed=1)
    each = [auc(one.labels, one.scores) for one in folds]
    assert figures["folds"] == {
        "count": 3,
        "auc": each,
        "auc_mean": np.mean(each),
        "auc_sd": np.std(each, ddof=1),
    }
    labels, scores, patients, diameters = (
        np.concatenate(parts)
        for parts in zip(
            *((f.labels, f.scores, f.patients, f.baselines["diameter"]) for f in folds),
            strict=True,
        )
    )
    assert (figures["n"], figures["n_patients"]) == (120, 60)
    assert figures["auc"] == auc(labels, scores)
    assert figures["auc_ci95"] == list(auc_interval(labels, scores, patients, 1))
    told = ~np.isnan(diameters)
    paired = paired_difference(labels[told], scores[told], diameters[told], patients[told], 1)
    assert figures["against_baselines"]["diameter"]["difference"] == paired.difference
    assert figures["against_baselines"]["diameter"]["p"] == paired.p
    json.dumps(figures, allow_nan=False)


def test_a_fold_of_one_class_is_left_out_of_the_mean(folds):
    benign = folds[0][folds[0].labels == 0]
    figures = pool_folds([benign, *folds[1:]])
    assert figures["folds"]["auc"][0] is None
    assert figures["folds"]["auc_mean"] == pytest.approx(np.mean(figures["folds"]["auc"][1:]))
    json.dumps(figures, allow_nan=False)


def test_a_baseline_that_a_fold_lacks_is_unknown_there(folds):
    without = ScoredSamples(
        folds[0].sample_ids, folds[0].labels, folds[0].scores, folds[0].patients
    )
    assert pool_folds([without, *folds[1:]])["against_baselines"]["diameter"]["n"] == 40


def test_a_sample_in_two_folds_is_a_leak(folds):
    with pytest.raises(ValueError, match="two folds"):
        pool_folds([folds[0], folds[0]])


def test_seeds_are_averaged_sample_by_sample(folds):
    # the second repetition has other folds and another order, and errs by chance
    generator = np.random.default_rng(1)
    whole = ScoredSamples(
        *(np.concatenate([getattr(f, n) for f in folds]) for n in ("sample_ids", "labels")),
        np.concatenate([f.scores for f in folds]) + generator.normal(size=120),
        np.concatenate([f.patients for f in folds]),
        {"diameter": np.concatenate([f.baselines["diameter"] for f in folds])},
    )
    order = generator.permutation(120)
    again = [whole[order[:60]], whole[order[60:]]]
    figures = pool_seeds([folds, again])
    first = np.concatenate([f.scores for f in folds])
    assert figures["seeds"]["auc"] == [auc(whole.labels, first), auc(whole.labels, whole.scores)]
    assert figures["auc"] == auc(whole.labels, (first + whole.scores) / 2)
    assert figures["folds"]["count"] == 3
    json.dumps(figures, allow_nan=False)


def test_one_seed_is_the_cross_validation_itself(folds):
    figures = pool_seeds([folds])
    assert figures.pop("seeds")["auc_sd"] is None
    assert figures == pool_folds(folds)


def test_other_samples_or_labels_cannot_be_averaged(folds):
    with pytest.raises(ValueError, match="same samples"):
        pool_seeds([folds, folds[:2]])
    one = folds[0]
    turned = ScoredSamples(one.sample_ids, 1 - one.labels, one.scores, one.patients, one.baselines)
    with pytest.raises(ValueError, match="same labels"):
        pool_seeds([folds[:1], [turned]])
