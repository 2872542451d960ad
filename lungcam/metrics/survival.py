"""Whether as many people fall ill within each year as the risks say.

What is known of people over time: Kaplan-Meier for the event and for being lost.

Concordance of a risk with the order of events, where follow-up is censored.

AUC of the risk within each year, of those whose status is known by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lungcam.metrics.comparison import against_baseline, json_interval, json_number
from lungcam.metrics.discrimination import auc, auc_interval
from lungcam.metrics.resampling import (
    MAX_WEIGHTS,
    Statistic,
    percentile_interval,
    resample_patients,
)

DAYS_PER_YEAR = 365
# years into which risks are predicted, as in Sybil
HORIZON_YEARS = 6
KAPLAN_MEIER_RULE = (
    "observed risk within k years: one less the Kaplan-Meier share still free of the event before "
    "day 365 k; a censored scan counts among those at risk up to its last known day; null where "
    "nobody is followed that far"
)


@dataclass(frozen=True, eq=False, kw_only=True)
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
    return FollowUp(
        order=order, starts=starts, days=ordered[starts], event=np.asarray(event, bool)[order]
    )


def kaplan_meier(lost: np.ndarray, among: np.ndarray) -> np.ndarray:
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


def observed_risk(rows: FollowUp, weights: np.ndarray, *, days: np.ndarray) -> np.ndarray:
    """Risk that was observed before some days, by `KAPLAN_MEIER_RULE`.

    Args:
        rows: Of which the times are known.
        weights: `(R, N)`.
        days: `(K,)`.

    Returns:
        `(R, K)`; NaN where nobody is followed to the last day before, unless none is left.
    """
    at_risk, events, _ = rows.counts(weights)
    left = kaplan_meier(events, at_risk)[:, np.searchsorted(rows.days, days)]
    # the weight of those with a time of at least the day before
    reach = np.concatenate([at_risk, np.zeros((len(weights), 1))], axis=1)
    followed = reach[:, np.searchsorted(rows.days, np.asarray(days) - 1)] > 0
    return np.where(followed | (left == 0), 1 - left, np.nan)


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
    of = weighted_concordance(scores, follow_up(time_days, event), horizon_days=horizon_days)
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
    of = weighted_concordance(scores, follow_up(time_days, event), horizon_days=horizon_days)
    # equal shares of other pairs differ by a rounding error
    uno, harrell = resample_patients(patients, of, seed=seed).round(12).T
    return percentile_interval(uno), percentile_interval(harrell)


def weighted_concordance(scores: np.ndarray, rows: FollowUp, *, horizon_days: float) -> Statistic:
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
        uncensored = kaplan_meier(censored, at_risk - events)[:, group[early]]
        # a row that was not drawn may stand where all are lost; it weighs nothing there
        inverse = np.divide(1, uncensored, out=np.zeros_like(uncensored), where=uncensored > 0)
        sorted_weights = weights[:, rows.order]
        mine = sorted_weights[:, early]
        lower = np.empty_like(mine)
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
        for weight in (mine * inverse**2, mine):
            pairs = (weight * outlast).sum(axis=1)
            won = (weight * lower).sum(axis=1)
            indices.append(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0))
        return np.stack(indices, axis=1)

    return of


YEARLY_AUC_RULE = (
    "AUC of the risk within k years. Positive: the event came within k years, also where it came "
    "in an earlier one; negative: no event within k years, and followed at least into the last of "
    "them (Sybil's rule, J Clin Oncol 2023;41:2191); those lost before are left out, unweighted"
)


def year_rows(
    in_follow_up: np.ndarray, happened: np.ndarray, *, year: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that count in a year, and their labels.

    `y_mask` ends with the year of the event, but who had the event stays positive in all later
    years: the AUC is cumulative over events and dynamic over those still free.

    Args:
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        year: From 1 to Y.

    Returns:
        `(N,)` bool, and the labels, 0 and 1, of the rows that it chooses.
    """
    positive = happened[:, year - 1] == 1
    counts = positive | (in_follow_up[:, year - 1] == 1)
    return counts, positive[counts].astype(int)


def yearly_auc(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    *,
    happened: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """AUC of each year by `YEARLY_AUC_RULE`, with its interval over patients.

    Args:
        risks: `(N, Y)`, risk within 1 to Y years, of any scale.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        patients: `(N,)` patient of each row.
        seed: Of the resampling.

    Returns:
        By the year, from "1": value, ci95, n, n_positive; None where a class is missing.
    """
    figures = {}
    for year in range(1, risks.shape[1] + 1):
        rows, labels = year_rows(in_follow_up, happened, year=year)
        scores = risks[rows, year - 1]
        figures[str(year)] = {
            "value": json_number(auc(labels, scores)),
            "ci95": json_interval(auc_interval(labels, scores, patients[rows], seed)),
            "n": len(labels),
            "n_positive": int(labels.sum()),
        }
    return figures


def yearly_baselines(
    risks: np.ndarray,
    in_follow_up: np.ndarray,
    *,
    happened: np.ndarray,
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, dict[str, dict[str, object]]]:
    """The net beside each baseline in each year, over the rows where the baseline is known.

    Args:
        risks: As of `yearly_auc`.
        in_follow_up: As of `yearly_auc`.
        happened: As of `yearly_auc`.
        patients: As of `yearly_auc`.
        baselines: Scores `(N,)` that need no network, the same for all years; NaN where unknown.
        seed: Of the resampling.

    Returns:
        By the baseline's name and the year, as of `against_baseline`; a baseline that is known of
        no row is left out.
    """
    figures: dict[str, dict[str, dict[str, object]]] = {}
    for name, baseline in baselines.items():
        told = ~np.isnan(baseline)
        for year in range(1, risks.shape[1] + 1) if told.any() else ():
            rows, labels = year_rows(in_follow_up[told], happened[told], year=year)
            figures.setdefault(name, {})[str(year)] = against_baseline(
                labels,
                risks[told][rows, year - 1],
                baseline=baseline[told][rows],
                patients=patients[told][rows],
                seed=seed,
            )
    return figures


CALIBRATION_BY_YEAR_RULE = (
    "expected: mean predicted risk within k years, of all scans; observed: by Kaplan-Meier, see "
    "observed; ratio: expected / observed, 1 is best. 95 % percentile intervals over patients; a "
    "bound of the ratio is null where too many resamples hold no event"
)
GROUPS_RULE = (
    "scans in up to four groups of like size by predicted risk of the horizon, equal risks "
    "together; expected and observed of each group at the horizon"
)
GROUPS = 4


def calibration_by_year(
    risks: np.ndarray,
    time_days: np.ndarray,
    event: np.ndarray,
    patients: np.ndarray,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """Expected and observed risk of each year by `CALIBRATION_BY_YEAR_RULE`.

    Args:
        risks: `(N, Y)`, probability of the event within 1 to Y years.
        time_days: `(N,)` days to the event or to the last day known to be free.
        event: `(N,)` bool, whether the event came then.
        patients: `(N,)` patient of each row.
        seed: Of the resampling.

    Returns:
        By the year, from "1": expected, observed, observed_ci95, ratio, ratio_ci95; None where it
        is not known, or no resample moves it.
    """
    rows, years = follow_up(time_days, event), risks.shape[1]
    days = DAYS_PER_YEAR * np.arange(1, years + 1)

    def of(weights: np.ndarray) -> np.ndarray:
        expected = weights @ risks / weights.sum(axis=1, keepdims=True)
        observed = observed_risk(rows, weights, days=days)
        # none expected can be too many where none came
        ratio = np.where(np.isnan(observed), np.nan, np.inf)
        np.divide(expected, observed, out=ratio, where=observed > 0)
        return np.stack([expected, observed, ratio], axis=1)

    figures = of(np.ones((1, len(risks))))[0]
    # means of the same values in another order differ by a rounding error
    drawn = resample_patients(patients, of, seed=seed).round(12)
    return {
        str(year + 1): {
            "expected": float(figures[0, year]),
            "observed": json_number(float(figures[1, year])),
            "observed_ci95": json_interval(percentile_interval(drawn[:, 1, year])),
            "ratio": json_number(_finite(figures[2, year])),
            "ratio_ci95": json_interval(_ratio_interval(drawn[:, 2, year])),
        }
        for year in range(years)
    }


def calibration_by_group(
    risk: np.ndarray,
    time_days: np.ndarray,
    event: np.ndarray,
    horizon_days: float,
    patients: np.ndarray,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Expected and observed risk at the horizon of groups of predicted risk, by `GROUPS_RULE`.

    Args:
        risk: `(N,)`, probability of the event within the horizon.
        time_days: As of `calibration_by_year`.
        event: As of `calibration_by_year`.
        horizon_days: The horizon.
        patients: As of `calibration_by_year`.
        seed: As of `calibration_by_year`.

    Returns:
        The lowest group first: n, n_events, expected, observed, observed_ci95.
    """
    edges = np.quantile(risk, np.arange(1, GROUPS) / GROUPS)
    group_of = np.searchsorted(edges, risk)
    figures = []
    for group in np.unique(group_of):
        among = group_of == group
        rows = follow_up(time_days[among], event[among])
        observed, drawn = _observed(rows, horizon_days, patients=patients[among], seed=seed)
        figures.append(
            {
                "n": int(among.sum()),
                "n_events": int((event[among] & (time_days[among] < horizon_days)).sum()),
                "expected": float(risk[among].mean()),
                "observed": json_number(observed),
                "observed_ci95": json_interval(percentile_interval(drawn)),
            }
        )
    return figures


def _observed(
    rows: FollowUp, day: float, *, patients: np.ndarray, seed: int
) -> tuple[float, np.ndarray]:
    """Observed risk before a day, and that of each resample, `(R,)`."""

    def of(weights: np.ndarray) -> np.ndarray:
        return observed_risk(rows, weights, days=np.array([day]))[:, 0]

    return float(of(np.ones((1, len(patients))))[0]), resample_patients(
        patients, of, seed=seed
    ).round(12)


def _ratio_interval(drawn: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of ratios `(R,)` that may be infinite; such a bound is NaN."""
    told = drawn[~np.isnan(drawn)]
    if len(told) == 0 or told.min() == told.max():
        return np.nan, np.nan
    low, high = np.percentile(told, [2.5, 97.5], method="inverted_cdf")
    return _finite(low), _finite(high)


def _finite(ratio: float) -> float:
    """NaN in place of infinity, which JSON does not know."""
    return float(ratio) if np.isfinite(ratio) else float("nan")
