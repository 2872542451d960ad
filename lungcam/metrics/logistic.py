"""Logistic regression of a label of 0 and 1 on a few numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import expit

# weight of the squared coefficients of standardised numbers: enough to bound them where the labels
# can be separated without an error
RIDGE = 1.0


@dataclass(frozen=True, eq=False)
class LogisticScore:
    """Fitted logit of label 1.

    Attributes:
        names: Names of the numbers.
        weights: Coefficient of each number.
        intercept: Logit where all numbers are 0.
    """

    names: Sequence[str]
    weights: Sequence[float]
    intercept: float

    def __call__(self, scores: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return `(N,)` logits, NaN where a number is unknown; None without one of the numbers."""
        if not all(name in scores for name in self.names):
            return None
        values = np.stack([scores[name] for name in self.names], axis=1)
        return values @ np.array(self.weights) + self.intercept


def fit_logistic(scores: Mapping[str, np.ndarray], labels: np.ndarray) -> LogisticScore | None:
    """Fit by maximum likelihood with a ridge on the standardised numbers.

    Args:
        scores: `(N,)` of each number by name, NaN where unknown; such samples are left out.
        labels: `(N,)` of 0 and 1.

    Returns:
        The fit; None if no number varies, or the samples with all numbers have one label.
    """
    values = np.stack([*scores.values()], axis=1) if scores else np.zeros((len(labels), 0))
    known = ~np.isnan(values).any(axis=1)
    values, labels = values[known], np.asarray(labels)[known]
    if not len(labels) or labels.min() == labels.max():
        return None
    mean, spread = values.mean(axis=0), values.std(axis=0)
    varies = spread > 0
    if not varies.any():
        return None
    z = (values[:, varies] - mean[varies]) / spread[varies]

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        logits = z @ coefficients[1:] + coefficients[0]
        penalty = RIDGE / 2 * (coefficients[1:] ** 2).sum()
        residual = expit(logits) - labels
        gradient = np.concatenate([[residual.sum()], z.T @ residual + RIDGE * coefficients[1:]])
        return float(np.logaddexp(0, logits).sum() - labels @ logits + penalty), gradient

    start = np.zeros(1 + varies.sum())
    # the module takes a while to load, and prediction does not need it
    fitted = scipy.optimize.minimize(loss, start, jac=True, method="BFGS").x
    weights = np.zeros(len(varies))
    weights[varies] = fitted[1:] / spread[varies]
    names = [name for name, is_varying in zip(scores, varies, strict=True) if is_varying]
    return LogisticScore(
        names=names,
        weights=[float(weight) for weight in weights[varies]],
        intercept=float(fitted[0] - weights @ mean),
    )
