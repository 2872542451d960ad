"""Concordance of a risk with the order of events, where follow-up is censored."""

import numpy as np

from lungcam.metrics.follow_up import FollowUp, follow_up, share_left
from lungcam.metrics.resampling import HELD, Statistic, percentile_interval, resample_patients

CONCORDANCE_RULE = (
    "share of pairs of scans, one with its event before the other's and before the horizon, in "
    "which the earlier event has the greater risk of the horizon; equal risks count half, and one "
    "censored on the day of an event counts as later. c_index is Uno's (Stat Med 2011;30:1105): a "
    "pair weighs by the inverse square of the share still uncensored when its event comes, so "
    "that it does not hang on how long people were followed; harrell_c_index weighs all alike. "
    "95 % percentile intervals over patients, the share uncensored estimated anew in each resample"
)


def concordance(
    scores: np.ndarray, time_days: np.ndarray, event: np.ndarray, horizon_days: float
) -> tuple[float, float]:
    """Uno's and Harrell's C-index by `CONCORDANCE_RULE`.

    Uno et al., Stat Med 2011;30:1105-1117; Harrell et al., JAMA 1982;247:2543-2546. The share
    uncensored is taken just before the event, since one censored on that day is known to outlast
    it: no weight is then infinite.

    Args:
        scores: `(N,)` of any scale, larger for a sooner event.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, whether the event came then.
        horizon_days: Events from this day on are not the earlier of a pair.

    Returns:
        Both in [0, 1]; NaN where no pair can be compared.
    """
    of = weighted_concordance(scores, follow_up(time_days, event), horizon_days)
    uno, harrell = of(np.ones((1, len(scores))))[0]
    return float(uno), float(harrell)


def concordance_interval(
    scores: np.ndarray,
    time_days: np.ndarray,
    event: np.ndarray,
    horizon_days: float,
    patients: np.ndarray,
    seed: int = 0,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of Uno's and Harrell's C-index over resamples of patients.

    Args:
        scores: As of `concordance`.
        time_days: As of `concordance`.
        event: As of `concordance`.
        horizon_days: As of `concordance`.
        patients: `(N,)` patient of each row; whole patients are resampled.
        seed: Of the resampling.

    Returns:
        Lower and upper bounds; NaN where no resample moves the index.
    """
    of = weighted_concordance(scores, follow_up(time_days, event), horizon_days)
    # equal shares of other pairs differ by a rounding error
    uno, harrell = resample_patients(patients, of, seed).round(12).T
    return percentile_interval(uno), percentile_interval(harrell)


def weighted_concordance(scores: np.ndarray, rows: FollowUp, horizon_days: float) -> Statistic:
    """Function that gives both indices of every row of weights `(R, N)` as `(R, 2)`.

    All pairs of an event and a row are compared, in blocks of events: the work is R N E, as matrix
    products, and events are few where people are screened.

    Args:
        scores: `(N,)`.
        rows: Their times.
        horizon_days: As of `concordance`.
    """
    ordered = scores[rows.order]
    group = np.repeat(np.arange(len(rows.days)), np.diff(np.r_[rows.starts, len(ordered)]))
    early = np.flatnonzero(rows.event & (rows.days[group] < horizon_days))

    def of(weights: np.ndarray) -> np.ndarray:
        at_risk, events, censored = rows.counts(weights)
        outlast = (at_risk - events)[:, group[early]]
        uncensored = share_left(censored, at_risk - events)[:, group[early]]
        # a row that was not drawn may stand where all are lost; it weighs nothing there
        inverse = np.divide(1, uncensored, out=np.zeros_like(uncensored), where=uncensored > 0)
        sorted_weights = weights[:, rows.order]
        mine = sorted_weights[:, early]
        lower = np.empty_like(mine)
        step = max(1, HELD // max(1, len(ordered)))
        for start in range(0, len(early), step):
            block = early[start : start + step]
            # from here on all are as late as the block's first event, or later
            first = rows.starts[group[block[0]]]
            own, others = ordered[block], ordered[first:, None]
            later = (group[first:, None] > group[block]) | (
                (group[first:, None] == group[block]) & ~rows.event[first:, None]
            )
            below = later * ((others < own) + (others == own) / 2)
            lower[:, start : start + step] = sorted_weights[:, first:] @ below
        indices = []
        for weight in (mine * inverse**2, mine):
            pairs = (weight * outlast).sum(axis=1)
            won = (weight * lower).sum(axis=1)
            indices.append(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0))
        return np.stack(indices, axis=1)

    return of
