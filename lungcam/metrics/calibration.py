"""Calibration of probabilities: Brier score, calibration error and Platt scaling."""

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import expit, logit

from lungcam.metrics.survival import kaplan_meier

CALIBRATION_RULE = (
    "Platt scaling fitted on the validation split, with Platt's smoothed targets and a slope above "
    "0: validation's own brier and ece are therefore optimistic, the test's are not. It is applied "
    "only if it makes neither Brier score nor ECE worse in a cross-validation within that split "
    "(10 folds, or as many as the rarer label has samples; with fewer than 2 it cannot be judged "
    "and is applied), and always to a net of several folds, which have to share one scale"
)
YEARLY_CALIBRATION_RULE = (
    "Platt scaling of all years' cumulative logits together, one slope above 0 and one intercept, "
    "so that the risks of later years stay the greater; fitted on the validation split's pairs of "
    "scan and year with a known outcome, each patient weighing alike, and known pairs standing "
    "in for those lost to follow-up (inverse probability of censoring)"
)
# in standard deviations of the logits: where these are uninformative or point the wrong way, the
# probability is nearly the same for all, and the ranks stay
MIN_SLOPE = 0.01
FOLDS = 10


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean squared difference of probability and label (Brier, 1950); 0 is best."""
    return float(np.mean((probabilities - labels) ** 2))


def expected_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 10
) -> float:
    """Return the mean gap of probability and frequency over bins of equal width (Naeini, 2015).

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)` in [0, 1].
        bins: Number of bins, each weighted by its number of samples.
    """
    bin_index = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = np.bincount(bin_index, probabilities - labels, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


@dataclass(frozen=True)
class Calibration:
    """Calibration of logits: `slope * logit + intercept`; the default changes nothing.

    Attributes:
        slope: Above 0, so that ranks are kept.
        intercept: On the calibrated logit's scale.

    Raises:
        ValueError: The slope is not above 0, or a number is not finite.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self):
        if not (0 < self.slope < np.inf and np.isfinite(self.intercept)):
            raise ValueError(f"slope {self.slope} and intercept {self.intercept} do not calibrate.")

    def logit(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated logits, of any shape."""
        return self.slope * np.asarray(logits, float) + self.intercept

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, in [0, 1]."""
        return expit(self.logit(logits))

    def inverse(self, probability: float) -> float:
        """Return the logit that has a probability in (0, 1)."""
        certain = np.finfo(float).eps
        calibrated = logit(np.clip(probability, certain, 1 - certain))
        return float((calibrated - self.intercept) / self.slope)


def fit_platt(
    labels: np.ndarray, logits: np.ndarray, *, weights: np.ndarray | None = None
) -> Calibration:
    """Fit slope and intercept by maximum likelihood on smoothed targets.

    Platt, Probabilistic outputs for support vector machines, 1999: with P positives and N
    negatives a positive's target is (P + 1) / (P + 2) and a negative's 1 / (N + 2), so that the fit
    stays finite where the logits separate the labels.

    Args:
        labels: `(N,)` of 0 and 1, of samples that were not trained on.
        logits: `(N,)`.
        weights: `(N,)` above 0, the number of samples that each counts as; None: 1 for each.

    Returns:
        The calibration; the identity where a class is missing or all logits are equal.
    """
    logits = np.asarray(logits, float)
    weights = np.ones(len(logits)) if weights is None else weights
    center = float(np.average(logits, weights=weights))
    spread = float(np.sqrt(np.average((logits - center) ** 2, weights=weights)))
    if labels.min() == labels.max() or not spread > 0:
        return Calibration()
    z = (logits - center) / spread
    positive, negative = weights[labels == 1].sum(), weights[labels == 0].sum()
    targets = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        calibrated = parameters[0] * z + parameters[1]
        entropy = np.logaddexp(0, calibrated) - targets * calibrated
        gap = expit(calibrated) - targets
        mean = np.average(np.stack([entropy, gap * z, gap]), axis=1, weights=weights)
        return float(mean[0]), mean[1:]

    result = scipy.optimize.minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=((MIN_SLOPE, None), (None, None)),
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    slope = float(result.x[0]) / spread
    return Calibration(slope, float(result.x[1]) - slope * center)


def platt_helps(labels: np.ndarray, logits: np.ndarray) -> bool:
    """Return True if Platt scaling is to be applied, by the rule in `CALIBRATION_RULE`.

    Where the net's own logits fit well already, as of labels that they separate, scaling makes the
    probabilities of new samples worse.

    Args:
        labels: `(N,)` of 0 and 1, of samples that were not trained on.
        logits: `(N,)`.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, float)
    folds = int(min(FOLDS, labels.sum(), len(labels) - labels.sum()))
    if folds < 2:
        return True
    # each fold has its share of either label, whatever the order of the samples
    fold = np.empty(len(labels), int)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        fold[rows[np.argsort(logits[rows], kind="stable")]] = np.arange(len(rows)) % folds
    scaled = np.empty(len(labels))
    for number in range(folds):
        rest, own = fold != number, fold == number
        scaled[own] = fit_platt(labels[rest], logits[rest]).probability(logits[own])
    raw = expit(logits)
    return bool(
        brier(labels, scaled) <= brier(labels, raw)
        and expected_calibration_error(labels, scaled) <= expected_calibration_error(labels, raw)
    )


def fit_yearly_platt(
    logits: np.ndarray, *, happened: np.ndarray, in_follow_up: np.ndarray, patients: np.ndarray
) -> Calibration:
    """Fit one calibration to the cumulative logits of all years, by maximum likelihood.

    A pair of a row and a year is known where the event came by then, or where `y_mask` is 1. The
    mask alone ends with the year of the event: without the later years, which are known as well,
    late risks would come out too low. With them and no weights they would come out too high, since
    rows that are lost to follow-up have no late pairs, and those with an event before have. So each
    pair weighs by the inverse of the share of rows still followed (Graf et al., Stat Med
    1999;18:2529-2545), estimated by Kaplan-Meier from the masks.

    Args:
        logits: `(N, Y)` cumulative logits of samples that were not trained on.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        patients: `(N,)` patient of each row; the weight of a patient is shared among the rows.

    Returns:
        The calibration; the identity where no outcome, or only one of the two, is known.
    """
    happened = np.asarray(happened) == 1
    mask = np.asarray(in_follow_up) == 1
    known = mask | happened
    if not known.any():
        return Calibration()
    _, patient_index, scans = np.unique(patients, return_inverse=True, return_counts=True)
    row_weights = 1 / scans[patient_index]
    followed = _followed_share(happened, mask, row_weights=row_weights)
    weights = row_weights[:, None] / followed / logits.shape[1]
    return fit_platt(happened[known].astype(int), logits[known], weights=weights[known])


def _followed_share(
    happened: np.ndarray, mask: np.ndarray, *, row_weights: np.ndarray
) -> np.ndarray:
    """Return the share of rows followed into each year `(N, Y)`, or into that of a row's event.

    Where nobody is left that could be known the share is 1: no pair uses it.

    Args:
        happened: `(N, Y)` bool.
        mask: `(N, Y)` bool.
        row_weights: `(N,)`.
    """
    # free and followed all through the year before, so that this one might have been known
    before = np.c_[np.ones(len(row_weights), bool), (mask & ~happened)[:, :-1]]
    lost = before & ~mask
    left = kaplan_meier((row_weights @ lost)[None], (row_weights @ before)[None])[0, 1:]
    # a row with the event is known ever after, by its follow-up until then
    at_event = np.where(mask, left, np.inf).min(axis=1, keepdims=True)
    share = np.where(happened, at_event, left)
    return np.where((share > 0) & np.isfinite(share), share, 1)
