"""Survival analysis with censoring: Kaplan-Meier, observed risk, Uno's and Harrell's C-index.

Times are days to the event, or to the last day on which a person is known to be free of it.
"""

from dataclasses import dataclass

import numpy as np

from lungcam.metrics.resampling import (
    MAX_WEIGHTS,
    Statistic,
    percentile_interval,
    resample_patients,
)

DAYS_PER_YEAR = 365
# years for which risks are predicted, as in Sybil
HORIZON_YEARS = 6
KAPLAN_MEIER_RULE = (
    "observed risk within k years: one less the Kaplan-Meier share still free of the event before "
    "day 365 k; a censored scan counts among those at risk up to its last known day; null where "
    "nobody is followed that far"
)
CONCORDANCE_RULE = (
    "share of pairs of scans, one with its event before the other's and before the horizon, in "
    "which the earlier event has the greater risk of the horizon; equal risks count half, and one "
    "censored on the day of an event counts as later. c_index is Uno's (Stat Med 2011;30:1105): a "
    "pair weighs by the inverse square of the share still uncensored when its event comes, so "
    "that it does not depend on how long people were followed; harrell_c_index weighs all alike. "
    "95 % percentile intervals over patients, with the share uncensored estimated in each resample"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class FollowUp:
    """Rows in ascending order of their times, with equal times in one group.

    A person censored on a day is known to be free on it: events of that day come first.

    Attributes:
        order: `(N,)` sorted row indices.
        starts: `(T,)` first position of each distinct time in `order`.
        days: `(T,)` distinct times, ascending.
        event: `(N,)` bool in the sorted order.
    """

    order: np.ndarray
    starts: np.ndarray
    days: np.ndarray
    event: np.ndarray

    def counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sum the weights of those at risk at each time, of events and of those censored.

        Args:
            weights: `(R, N)`.

        Returns:
            Three arrays `(R, T)`.
        """
        ordered = weights[:, self.order]
        ended = np.add.reduceat(ordered, self.starts, axis=1)
        events = np.add.reduceat(ordered * self.event, self.starts, axis=1)
        at_risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
        return at_risk, events, ended - events


def follow_up(time_days: np.ndarray, event: np.ndarray) -> FollowUp:
    """Sort rows by their times, once for all weights.

    Args:
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, True where the time is that of the event.
    """
    order = np.argsort(time_days, kind="stable")
    ordered = np.asarray(time_days, float)[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    return FollowUp(
        order=order, starts=starts, days=ordered[starts], event=np.asarray(event, bool)[order]
    )


def kaplan_meier(lost: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
    """Compute the share that is left before each time, and after the last.

    Kaplan and Meier, J Am Stat Assoc 1958;53:457-481.

    Args:
        lost: `(R, T)` weight that is lost at each time.
        at_risk: `(R, T)` weight that it is lost from; where it is 0, nothing is lost.

    Returns:
        `(R, T + 1)`, from 1 down.
    """
    kept = 1 - np.divide(lost, at_risk, out=np.zeros_like(lost), where=at_risk > 0)
    return np.concatenate([np.ones((len(lost), 1)), kept.cumprod(axis=1)], axis=1)


def observed_risk(rows: FollowUp, weights: np.ndarray, *, days: np.ndarray) -> np.ndarray:
    """Compute the observed risk of the event before some days, by `KAPLAN_MEIER_RULE`.

    Args:
        rows: Follow-up of the rows.
        weights: `(R, N)`.
        days: `(K,)`.

    Returns:
        `(R, K)`; NaN where nobody is followed to the last day before, unless none is left.
    """
    at_risk, events, _ = rows.counts(weights)
    left = kaplan_meier(events, at_risk)[:, np.searchsorted(rows.days, days)]
    # weight of the rows with a time of at least the day before
    reach = np.concatenate([at_risk, np.zeros((len(weights), 1))], axis=1)
    followed = reach[:, np.searchsorted(rows.days, np.asarray(days) - 1)] > 0
    return np.where(followed | (left == 0), 1 - left, np.nan)


def concordance(
    scores: np.ndarray, *, time_days: np.ndarray, event: np.ndarray, horizon_days: float
) -> tuple[float, float]:
    """Compute Uno's and Harrell's C-index by `CONCORDANCE_RULE`.

    Uno et al., Stat Med 2011;30:1105-1117; Harrell et al., JAMA 1982;247:2543-2546. The share
    uncensored is taken just before the event, since a person censored on that day is known to
    outlast it: no weight is then infinite.

    Args:
        scores: `(N,)` of any scale, larger for a sooner event.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, True where the time is that of the event.
        horizon_days: Events from this day on are not the earlier of a pair.

    Returns:
        Both in [0, 1]; NaN where no pair can be compared.
    """
    rows = follow_up(time_days, event)
    statistic = weighted_concordance(scores, rows, horizon_days=horizon_days)
    uno, harrell = statistic(np.ones((1, len(scores))))[0]
    return float(uno), float(harrell)


def concordance_interval(
    scores: np.ndarray,
    *,
    time_days: np.ndarray,
    event: np.ndarray,
    horizon_days: float,
    patients: np.ndarray,
    seed: int = 0,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Compute the 95 % intervals of Uno's and Harrell's C-index over resamples of patients.

    Args:
        scores: As of `concordance`.
        time_days: As of `concordance`.
        event: As of `concordance`.
        horizon_days: As of `concordance`.
        patients: `(N,)` patient of each row; whole patients are resampled.
        seed: Seed of the resampling.

    Returns:
        Lower and upper bounds; NaN where no resample moves the index.
    """
    rows = follow_up(time_days, event)
    statistic = weighted_concordance(scores, rows, horizon_days=horizon_days)
    # equal shares of other pairs differ by a rounding error
    uno, harrell = resample_patients(patients, statistic, seed=seed).round(12).T
    return percentile_interval(uno), percentile_interval(harrell)


def weighted_concordance(scores: np.ndarray, rows: FollowUp, *, horizon_days: float) -> Statistic:
    """Return a function from weights `(R, N)` to both indices of each row of weights, `(R, 2)`.

    All pairs of an event and a row are compared, in blocks of events: the work is R N E, as matrix
    products, and events are few in screening.

    Args:
        scores: `(N,)`.
        rows: Follow-up of the rows.
        horizon_days: As of `concordance`.
    """
    ordered = scores[rows.order]
    group = np.repeat(np.arange(len(rows.days)), np.diff(np.r_[rows.starts, len(ordered)]))
    early = np.flatnonzero(rows.event & (rows.days[group] < horizon_days))

    def statistic(weights: np.ndarray) -> np.ndarray:
        at_risk, events, censored = rows.counts(weights)
        later_weights = (at_risk - events)[:, group[early]]
        uncensored = kaplan_meier(censored, at_risk - events)[:, group[early]]
        # a row that was not drawn may stand where all are lost; it weighs nothing there
        inverse = np.divide(1, uncensored, out=np.zeros_like(uncensored), where=uncensored > 0)
        sorted_weights = weights[:, rows.order]
        event_weights = sorted_weights[:, early]
        lower = np.empty_like(event_weights)
        step = max(1, MAX_WEIGHTS // max(1, len(ordered)))
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
        for weight in (event_weights * inverse**2, event_weights):
            pairs = (weight * later_weights).sum(axis=1)
            won = (weight * lower).sum(axis=1)
            indices.append(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0))
        return np.stack(indices, axis=1)

    return statistic
