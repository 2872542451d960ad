"""What is known of people over time: Kaplan-Meier for the event and for being lost."""

from dataclasses import dataclass

import numpy as np

DAYS_A_YEAR = 365
KAPLAN_MEIER_RULE = (
    "observed risk within k years: one less the Kaplan-Meier share still free of the event before "
    "day 365 k; a censored scan counts among those at risk up to its last known day; null where "
    "nobody is followed that far"
)


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Rows in the order of their times; those of the same time in one group.

    Whoever is censored on a day is known to be free on it: events of that day come first.

    Attributes:
        order: `(N,)` rows, sorted.
        starts: `(T,)` first place of each distinct time in `order`.
        days: `(T,)` distinct times, ascending.
        event: `(N,)` bool in the sorted order.
    """

    order: np.ndarray
    starts: np.ndarray
    days: np.ndarray
    event: np.ndarray

    def counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight of those at risk at each time, of its events and of those censored then.

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
    """Sort the rows once.

    Args:
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, whether the event came then.
    """
    order = np.argsort(time_days, kind="stable")
    ordered = np.asarray(time_days, float)[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    return FollowUp(order, starts, ordered[starts], np.asarray(event, bool)[order])


def share_left(lost: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Kaplan-Meier: share that is left before each time, and after the last.

    Kaplan and Meier, J Am Stat Assoc 1958;53:457-481.

    Args:
        lost: `(R, T)` weight that is lost at each time.
        among: `(R, T)` weight of which it is lost; where it is 0, nothing is.

    Returns:
        `(R, T + 1)`, from 1 down.
    """
    kept = 1 - np.divide(lost, among, out=np.zeros_like(lost), where=among > 0)
    return np.concatenate([np.ones((len(lost), 1)), kept.cumprod(axis=1)], axis=1)


def observed_risk(rows: FollowUp, weights: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Risk that was observed before some days, by `KAPLAN_MEIER_RULE`.

    Args:
        rows: Of which the times are known.
        weights: `(R, N)`.
        days: `(K,)`.

    Returns:
        `(R, K)`; NaN where nobody is followed to the last day before, unless none is left.
    """
    at_risk, events, _ = rows.counts(weights)
    left = share_left(events, at_risk)[:, np.searchsorted(rows.days, days)]
    # the weight of those with a time of at least the day before
    reach = np.concatenate([at_risk, np.zeros((len(weights), 1))], axis=1)
    followed = reach[:, np.searchsorted(rows.days, np.asarray(days) - 1)] > 0
    return np.where(followed | (left == 0), 1 - left, np.nan)
