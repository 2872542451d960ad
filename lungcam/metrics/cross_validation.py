"""Cross-validation: every sample once, scored by the net that never saw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.comparison import json_number, summarise_ranking
from lungcam.metrics.discrimination import auc

POOLED_RULE = (
    "folds are pooled over calibrated logits, each calibrated on its own validation patients; the "
    "pooled interval resamples patients and takes the nets as given; sd is that of the folds' AUCs"
)


@dataclass(frozen=True, eq=False)
class ScoredSamples:
    """A fold's test samples and the net's answers.

    Attributes:
        sample_ids: `(N,)`.
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` calibrated logits, so that folds stand on one scale.
        patients: `(N,)` patient of each sample.
        baselines: Scores `(N,)` that need no network; NaN where unknown.
    """

    sample_ids: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    patients: np.ndarray
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, rows: np.ndarray) -> "ScoredSamples":
        """The samples at `rows`, indices or bool, such as those of one range of diameters."""
        return ScoredSamples(
            self.sample_ids[rows],
            self.labels[rows],
            self.scores[rows],
            self.patients[rows],
            {name: scores[rows] for name, scores in self.baselines.items()},
        )


def pool(folds: Sequence[ScoredSamples]) -> ScoredSamples:
    """Put folds one behind the other; a baseline that a fold lacks is unknown there.

    Raises:
        ValueError: A sample stands in two folds.
    """
    ids = np.concatenate([fold.sample_ids for fold in folds])
    if len(np.unique(ids)) < len(ids):
        raise ValueError("A sample stands in two folds.")
    names = sorted({name for fold in folds for name in fold.baselines})
    return ScoredSamples(
        ids,
        np.concatenate([fold.labels for fold in folds]),
        np.concatenate([fold.scores for fold in folds]),
        np.concatenate([fold.patients for fold in folds]),
        {
            name: np.concatenate(
                [fold.baselines.get(name, np.full(len(fold.labels), np.nan)) for fold in folds]
            )
            for name in names
        },
    )


def pool_folds(folds: Sequence[ScoredSamples], seed: int = 0) -> dict[str, object]:
    """Figures of one cross-validation.

    Args:
        folds: No sample in two of them.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json. `folds`: count, auc (a list, None where a fold holds one class),
        auc_mean and auc_sd (over the folds with both, ddof 1). The rest, as of `summarise` without
        what hangs on a threshold, is of all samples pooled by `POOLED_RULE`.

    Raises:
        ValueError: A sample stands in two folds.
    """
    pooled = pool(folds)
    return {
        "folds": _spread([auc(fold.labels, fold.scores) for fold in folds]),
        **summarise_ranking(
            pooled.labels,
            pooled.scores,
            patients=pooled.patients,
            baselines=pooled.baselines,
            seed=seed,
        ),
        "brier": brier(pooled.labels, expit(pooled.scores)),
        "ece": expected_calibration_error(pooled.labels, expit(pooled.scores)),
    }


def average_seeds(runs: Sequence[ScoredSamples]) -> ScoredSamples:
    """Mean score of each sample over repeated runs, in the first run's order.

    Raises:
        ValueError: The runs do not hold the same samples with the same labels.
    """
    first = runs[0]
    scores = []
    for run in runs:
        place = {name: row for row, name in enumerate(run.sample_ids)}
        if place.keys() != set(first.sample_ids):
            raise ValueError("Repeated runs must hold the same samples.")
        rows = np.array([place[name] for name in first.sample_ids], int)
        if not np.array_equal(run.labels[rows], first.labels):
            raise ValueError("Repeated runs must hold the same labels.")
        scores.append(run.scores[rows])
    return ScoredSamples(
        first.sample_ids,
        first.labels,
        np.mean(scores, axis=0),
        first.patients,
        first.baselines,
    )


def pool_seeds(seeds: Sequence[Sequence[ScoredSamples]], seed: int = 0) -> dict[str, object]:
    """Figures of a cross-validation that was repeated with other seeds.

    Args:
        seeds: The folds of each repetition, all over the same samples; folds may differ.
        seed: Of the bootstrap.

    Returns:
        A dict for metrics.json. `seeds`: count, auc (pooled, of each repetition), auc_mean and
        auc_sd: what one cross-validation is worth. The rest is of `pool_folds` of the samples'
        scores averaged over the repetitions (an ensemble of as many nets), in the folds of the
        first: name it so where it is reported.

    Raises:
        ValueError: As of `pool` and `average_seeds`.
    """
    pooled = [pool(folds) for folds in seeds]
    average = average_seeds(pooled)
    ends = np.cumsum([len(fold.labels) for fold in seeds[0]])[:-1]
    folds = [average[rows] for rows in np.split(np.arange(len(average.labels)), ends)]
    return {
        "seeds": _spread([auc(one.labels, one.scores) for one in pooled]),
        **pool_folds(folds, seed),
    }


def _spread(values: Sequence[float]) -> dict[str, object]:
    """Mean and sample standard deviation of AUCs; None where too few can be computed."""
    told = np.array([value for value in values if not np.isnan(value)])
    return {
        "count": len(values),
        "auc": [json_number(value) for value in values],
        "auc_mean": float(told.mean()) if len(told) else None,
        "auc_sd": float(told.std(ddof=1)) if len(told) > 1 else None,
    }
