"""Cross-validation: each sample scored once, by the net that did not see it in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit

from lungcam.metrics.calibration import brier, expected_calibration_error
from lungcam.metrics.discrimination import auc
from lungcam.metrics.resampling import json_number
from lungcam.metrics.summary import summarise_ranking

POOLED_RULE = (
    "folds are pooled over calibrated logits, each calibrated on its own validation patients; the "
    "pooled interval resamples patients and takes the nets as given; sd is that of the folds' AUCs"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredSamples:
    """Test samples of a fold with the net's scores.

    Attributes:
        sample_ids: `(N,)`.
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` calibrated logits, so that folds share one scale.
        patients: `(N,)` patient of each sample.
        baselines: Scores `(N,)` that need no network; NaN where unknown.
    """

    sample_ids: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    patients: np.ndarray
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, rows: np.ndarray) -> "ScoredSamples":
        """Return the samples at `rows`, indices or bool, such as those of a range of diameters."""
        return ScoredSamples(
            sample_ids=self.sample_ids[rows],
            labels=self.labels[rows],
            scores=self.scores[rows],
            patients=self.patients[rows],
            baselines={name: scores[rows] for name, scores in self.baselines.items()},
        )


def pool(folds: Sequence[ScoredSamples]) -> ScoredSamples:
    """Concatenate folds; a baseline that a fold lacks is unknown there.

    Raises:
        ValueError: A sample is in two folds.
    """
    sample_ids = np.concatenate([fold.sample_ids for fold in folds])
    if len(np.unique(sample_ids)) < len(sample_ids):
        raise ValueError("A sample is in two folds.")
    names = sorted({name for fold in folds for name in fold.baselines})
    return ScoredSamples(
        sample_ids=sample_ids,
        labels=np.concatenate([fold.labels for fold in folds]),
        scores=np.concatenate([fold.scores for fold in folds]),
        patients=np.concatenate([fold.patients for fold in folds]),
        baselines={
            name: np.concatenate(
                [fold.baselines.get(name, np.full(len(fold.labels), np.nan)) for fold in folds]
            )
            for name in names
        },
    )


def pool_folds(folds: Sequence[ScoredSamples], seed: int = 0) -> dict[str, object]:
    """Compute the metrics of one cross-validation.

    Args:
        folds: Folds without a common sample.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json. `folds`: count, auc (a list, None where a fold holds one class),
        auc_mean and auc_sd (over the folds with both, ddof 1). The rest, as of `summarise` without
        what depends on a threshold, is of all samples pooled by `POOLED_RULE`.

    Raises:
        ValueError: A sample is in two folds.
    """
    pooled = pool(folds)
    return {
        "folds": spread([auc(fold.labels, fold.scores) for fold in folds]),
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


def pool_seeds(seeds: Sequence[Sequence[ScoredSamples]], seed: int = 0) -> dict[str, object]:
    """Compute the metrics of a cross-validation that was repeated with other seeds.

    Args:
        seeds: Folds of each repetition, all over the same samples; folds may differ.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json. `seeds`: count, auc (pooled, of each repetition), auc_mean and
        auc_sd: the performance of a single cross-validation. The rest, as of `pool_folds`, is of
        the samples' scores averaged over the repetitions (an ensemble of as many nets), in the
        folds of the first: name it so where it is reported.

    Raises:
        ValueError: As of `pool` and `average_seeds`.
    """
    pooled = [pool(folds) for folds in seeds]
    average = average_seeds(pooled)
    ends = np.cumsum([len(fold.labels) for fold in seeds[0]])[:-1]
    folds = [average[rows] for rows in np.split(np.arange(len(average.labels)), ends)]
    return {
        "seeds": spread([auc(samples.labels, samples.scores) for samples in pooled]),
        **pool_folds(folds, seed),
    }


def average_seeds(runs: Sequence[ScoredSamples]) -> ScoredSamples:
    """Average the scores of each sample over repeated runs, in the first run's order.

    Raises:
        ValueError: The runs do not hold the same samples with the same labels.
    """
    first = runs[0]
    scores = []
    for run in runs:
        row_of = {sample_id: row for row, sample_id in enumerate(run.sample_ids)}
        if row_of.keys() != set(first.sample_ids):
            raise ValueError("Repeated runs must hold the same samples.")
        rows = np.array([row_of[sample_id] for sample_id in first.sample_ids], int)
        if not np.array_equal(run.labels[rows], first.labels):
            raise ValueError("Repeated runs must hold the same labels.")
        scores.append(run.scores[rows])
    return replace(first, scores=np.mean(scores, axis=0))


def spread(values: Sequence[float], name: str = "auc") -> dict[str, object]:
    """Return mean and sample standard deviation of a figure; None where too few can be computed.

    Args:
        values: The figure of each fold or repetition; NaN where it is unknown.
        name: Name of the figure.

    Returns:
        count, and under the name the values, their _mean and their _sd.
    """
    known = np.array([value for value in values if not np.isnan(value)])
    return {
        "count": len(values),
        name: [json_number(value) for value in values],
        f"{name}_mean": float(known.mean()) if len(known) else None,
        f"{name}_sd": float(known.std(ddof=1)) if len(known) > 1 else None,
    }
