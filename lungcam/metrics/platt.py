"""Platt scaling: from a net's logit to a probability that means what it says."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

CALIBRATION_RULE = (
    "Platt scaling fitted on the validation split, with Platt's smoothed targets and a slope above "
    "0: validation's own brier and ece are therefore optimistic, the test's are not"
)
# in standard deviations of the logits: where they tell nothing, or point the wrong way, the
# probability is nearly the same for all, and the ranks stay
LOWEST_SLOPE = 0.01


@dataclass(frozen=True)
class Calibration:
    """`slope * logit + intercept` is the calibrated logit; the default changes nothing.

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
        """Calibrated logits of any shape."""
        return self.slope * np.asarray(logits, float) + self.intercept

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, in [0, 1]."""
        return expit(self.logit(logits))


def fit_platt(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> Calibration:
    """Fit slope and intercept by maximum likelihood on smoothed targets.

    Platt, Probabilistic outputs for support vector machines, 1999: a positive's target is
    (P + 1) / (P + 2) and a negative's 1 / (N + 2), of P positives and N negatives, so that the fit
    stays finite where the logits separate the labels.

    Args:
        labels: `(N,)` of 0 and 1, of samples that were not trained on.
        logits: `(N,)`.
        weights: `(N,)` above 0, as how many samples each counts; None: one each.

    Returns:
        The calibration; one that changes nothing where a class is missing or all logits are equal.
    """
    logits = np.asarray(logits, float)
    weights = np.ones(len(logits)) if weights is None else weights
    middle = float(np.average(logits, weights=weights))
    spread = float(np.sqrt(np.average((logits - middle) ** 2, weights=weights)))
    if labels.min() == labels.max() or not spread > 0:
        return Calibration()
    z = (logits - middle) / spread
    positive, negative = weights[labels == 1].sum(), weights[labels == 0].sum()
    targets = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        calibrated = parameters[0] * z + parameters[1]
        entropy = np.logaddexp(0, calibrated) - targets * calibrated
        gap = expit(calibrated) - targets
        mean = np.average(np.stack([entropy, gap * z, gap]), axis=1, weights=weights)
        return float(mean[0]), mean[1:]

    found = minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=((LOWEST_SLOPE, None), (None, None)),
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    slope = float(found.x[0]) / spread
    return Calibration(slope, float(found.x[1]) - slope * middle)
