"""Pooled folds and seeds, by hand and against the functions on all samples."""

import json
from dataclasses import replace

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
    """Draw two samples per patient, an informative score and the diameter of every other pair."""
    n = len(names)
    labels = np.arange(n) % 2
    diameters = np.where(np.arange(n) % 4 < 2, 5 + 3 * labels + generator.normal(size=n), np.nan)
    return ScoredSamples(
        sample_ids=np.array(names),
        labels=labels,
        scores=generator.normal(size=n) + 1.5 * labels + offset,
        patients=np.array([f"p{name[:-1]}" for name in names]),
        baselines={"diameter": diameters},
    )


@pytest.fixture
def folds() -> list[ScoredSamples]:
    generator = np.random.default_rng(0)
    names = [f"{i // 2:03d}{'ab'[i % 2]}" for i in range(120)]
    return [fold(generator, names[:40]), fold(generator, names[40:80]), fold(generator, names[80:])]


def test_metrics_of_folds_and_of_all_samples_are_reported(folds):
    metrics = pool_folds(folds, seed=1)
    aucs = [auc(fold.labels, fold.scores) for fold in folds]
    assert metrics["folds"] == {
        "count": 3,
        "auc": aucs,
        "auc_mean": np.mean(aucs),
        "auc_sd": np.std(aucs, ddof=1),
    }
    labels, scores, patients, diameters = (
        np.concatenate(parts)
        for parts in zip(
            *((f.labels, f.scores, f.patients, f.baselines["diameter"]) for f in folds),
            strict=True,
        )
    )
    assert (metrics["n"], metrics["n_patients"]) == (120, 60)
    assert metrics["auc"] == auc(labels, scores)
    assert metrics["auc_ci95"] == list(auc_interval(labels, scores, patients=patients, seed=1))
    known = ~np.isnan(diameters)
    paired = paired_difference(
        labels[known],
        scores[known],
        other_scores=diameters[known],
        patients=patients[known],
        seed=1,
    )
    assert metrics["against_baselines"]["diameter"]["difference"] == paired.difference
    assert metrics["against_baselines"]["diameter"]["p"] == paired.p
    json.dumps(metrics, allow_nan=False)


def test_a_fold_of_one_class_is_left_out_of_the_mean(folds):
    benign = folds[0][folds[0].labels == 0]
    metrics = pool_folds([benign, *folds[1:]])
    assert metrics["folds"]["auc"][0] is None
    assert metrics["folds"]["auc_mean"] == pytest.approx(np.mean(metrics["folds"]["auc"][1:]))
    json.dumps(metrics, allow_nan=False)


def test_a_baseline_that_a_fold_lacks_is_unknown_there(folds):
    without = replace(folds[0], baselines={})
    assert pool_folds([without, *folds[1:]])["against_baselines"]["diameter"]["n"] == 40


def test_a_sample_in_two_folds_is_refused(folds):
    with pytest.raises(ValueError, match="two folds"):
        pool_folds([folds[0], folds[0]])


def test_seeds_are_averaged_sample_by_sample(folds):
    # the second repetition has other folds, another order and noise
    generator = np.random.default_rng(1)
    whole = ScoredSamples(
        sample_ids=np.concatenate([fold.sample_ids for fold in folds]),
        labels=np.concatenate([fold.labels for fold in folds]),
        scores=np.concatenate([fold.scores for fold in folds]) + generator.normal(size=120),
        patients=np.concatenate([fold.patients for fold in folds]),
        baselines={"diameter": np.concatenate([fold.baselines["diameter"] for fold in folds])},
    )
    order = generator.permutation(120)
    repetition = [whole[order[:60]], whole[order[60:]]]
    metrics = pool_seeds([folds, repetition])
    first = np.concatenate([f.scores for f in folds])
    assert metrics["seeds"]["auc"] == [auc(whole.labels, first), auc(whole.labels, whole.scores)]
    assert metrics["auc"] == auc(whole.labels, (first + whole.scores) / 2)
    assert metrics["folds"]["count"] == 3
    json.dumps(metrics, allow_nan=False)


def test_a_single_seed_gives_the_cross_validation_itself(folds):
    metrics = pool_seeds([folds])
    assert metrics.pop("seeds")["auc_sd"] is None
    assert metrics == pool_folds(folds)


def test_runs_of_other_samples_or_labels_are_refused(folds):
    with pytest.raises(ValueError, match="same samples"):
        pool_seeds([folds, folds[:2]])
    swapped = replace(folds[0], labels=1 - folds[0].labels)
    with pytest.raises(ValueError, match="same labels"):
        pool_seeds([folds[:1], [swapped]])
