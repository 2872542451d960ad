"""Whether as many people fall ill within each year as the risks say."""

import numpy as np

from lungcam.metrics.follow_up import DAYS_A_YEAR, FollowUp, follow_up, observed_risk
from lungcam.metrics.ranking import interval, known
from lungcam.metrics.resampling import percentile_interval, resample_patients

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
    days = DAYS_A_YEAR * np.arange(1, years + 1)

    def of(weights: np.ndarray) -> np.ndarray:
        expected = weights @ risks / weights.sum(axis=1, keepdims=True)
        observed = observed_risk(rows, weights, days)
        # none expected can be too many where none came
        ratio = np.where(np.isnan(observed), np.nan, np.inf)
        np.divide(expected, observed, out=ratio, where=observed > 0)
        return np.stack([expected, observed, ratio], axis=1)

    figures = of(np.ones((1, len(risks))))[0]
    # means of the same values in another order differ by a rounding error
    drawn = resample_patients(patients, of, seed).round(12)
    return {
        str(year + 1): {
            "expected": float(figures[0, year]),
            "observed": known(float(figures[1, year])),
            "observed_ci95": interval(percentile_interval(drawn[:, 1, year])),
            "ratio": known(_finite(figures[2, year])),
            "ratio_ci95": interval(_ratio_interval(drawn[:, 2, year])),
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
        observed, drawn = _observed(rows, horizon_days, patients[among], seed)
        figures.append(
            {
                "n": int(among.sum()),
                "n_events": int((event[among] & (time_days[among] < horizon_days)).sum()),
                "expected": float(risk[among].mean()),
                "observed": known(observed),
                "observed_ci95": interval(percentile_interval(drawn)),
            }
        )
    return figures


def _observed(
    rows: FollowUp, day: float, patients: np.ndarray, seed: int
) -> tuple[float, np.ndarray]:
    """Observed risk before a day, and that of each resample, `(R,)`."""

    def of(weights: np.ndarray) -> np.ndarray:
        return observed_risk(rows, weights, np.array([day]))[:, 0]

    return float(of(np.ones((1, len(patients))))[0]), resample_patients(patients, of, seed).round(
        12
    )


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
