"""Metrics of several exclusive classes, with intervals over patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import log_softmax, softmax

from lungcam.metrics.calibration import expected_calibration_error
from lungcam.metrics.comparison import against_baseline
from lungcam.metrics.discrimination import auc, auc_interval, weighted_auc
from lungcam.metrics.resampling import (
    Statistic,
    json_interval,
    json_number,
    percentile_interval,
    resample_patients,
    share_interval,
)

# limits of the temperature: beyond them the probabilities are equal, or 0 and 1
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.05, 100.0
CLASS_RULES = {
    "call": "the class with the highest calibrated probability, of equal ones the first",
    "balanced_accuracy": "mean over the classes of the share that is called rightly",
    "auc_by_class": "one-vs-rest: the probability of the class, of its samples against all "
    "others; auc_macro is the mean over the classes",
    "ci95": "95 % percentile intervals of 2,000 bootstraps over patients, drawn again where a "
    "class is missing; Newcombe's method 5 for the AUC of a class without an error, Wilson's with "
    "one sample a patient for an accuracy of 0 or 1",
    "brier": "mean over the samples of the sum over the classes of the squared difference of "
    "probability and outcome (Brier, 1950); from 0 to 2",
    "ece": "mean gap of the called class's probability and the share called rightly, over 10 bins "
    "of equal width",
    "baselines": "majority: the most frequent class of the training split for all samples; the "
    "others by their AUC one-vs-rest, against the net's on the same samples, large or small values "
    "speaking for a class as they do in the training split",
    "calibration": "one temperature by which all logits are divided, fitted to the validation "
    "split by maximum likelihood (Guo et al., ICML 2017): no call and no rank of a sample's "
    "classes changes; validation's own brier and ece are therefore optimistic, the test's are not",
}


@dataclass(frozen=True)
class Temperature:
    """Calibration of several classes: logits are divided by a temperature.

    Attributes:
        temperature: Above 0; 1 changes nothing.

    Raises:
        ValueError: The temperature is not above 0, or not finite.
    """

    temperature: float = 1.0

    def __post_init__(self):
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature {self.temperature} does not calibrate.")

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Map logits `(..., K)` to probabilities of the same shape, with the sum 1."""
        return softmax(np.asarray(logits, float) / self.temperature, axis=-1)


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> Temperature:
    """Fit a temperature by maximum likelihood.

    Args:
        labels: `(N,)` from 0 to K - 1, of samples that were not trained on.
        logits: `(N, K)`.
    """
    rows, logits = np.arange(len(labels)), np.asarray(logits, float)

    def loss(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm), axis=1)[rows, labels].mean())

    bounds = np.log([LEAST_TEMPERATURE, MOST_TEMPERATURE])
    result = scipy.optimize.minimize_scalar(
        loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return Temperature(float(np.exp(result.x)))


def multiclass_brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean squared distance of probabilities `(N, K)` and outcomes, from 0 to 2."""
    outcomes = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - outcomes) ** 2).sum(axis=1).mean())


def confidence_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the calibration error of the called class; see `CLASS_RULES`."""
    right = probabilities.argmax(axis=1) == labels
    return expected_calibration_error(right, probabilities.max(axis=1))


def confusion(labels: np.ndarray, called: np.ndarray, *, count: int) -> np.ndarray:
    """Count samples by class, `(K, K)`: rows are true classes, columns called ones."""
    return np.bincount(labels * count + called, minlength=count**2).reshape(count, count)


def summarise_classes(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    names: Sequence[str],
    patients: np.ndarray,
    majority: int | None,
    baselines: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, object]:
    """Compute the metrics of a split from its predictions.

    Args:
        labels: `(N,)` from 0 to K - 1.
        probabilities: `(N, K)`, calibrated where they can be.
        names: Names of the K classes.
        patients: `(N,)` patient of each sample.
        majority: Most frequent class of the training split; None if there are several such splits.
        baselines: Scores `(N, K)` that need no network, such as the diameter with the sign by which
            it speaks for each class; NaN where unknown.
        seed: Seed of the bootstrap.

    Returns:
        A dict for metrics.json; what cannot be computed is None. n, n_patients, n_by_class,
        accuracy and balanced_accuracy with _ci95, auc_by_class (value and ci95), auc_macro with
        _ci95, brier, ece, confusion (rows are true classes), majority (its class and accuracies)
        and against_baselines by name and class.
    """
    called, count = probabilities.argmax(axis=1), len(names)
    right = called == labels
    present = np.flatnonzero(np.bincount(labels, minlength=count))
    per_class = {
        name: _one_vs_rest(labels == number, probabilities[:, number], patients, seed)
        for number, name in enumerate(names)
    }
    values = [by_class["value"] for by_class in per_class.values()]
    macro = None if None in values else float(np.mean(values))
    metrics: dict[str, object] = {
        "n": len(labels),
        "n_patients": len(np.unique(patients)),
        "n_by_class": {name: int((labels == k).sum()) for k, name in enumerate(names)},
    }

    def interval(statistic: Statistic) -> list[float | None]:
        values = resample_patients(
            patients, statistic, seed=seed, usable=_holds_all(labels, present)
        )
        return json_interval(percentile_interval(values))

    for name, statistic in (
        ("accuracy", _accuracy(right)),
        ("balanced_accuracy", _balanced_accuracy(right, labels, present)),
    ):
        value = float(statistic(np.ones((1, len(labels))))[0])
        bounds = interval(statistic)
        if value in (0, 1):
            bounds = json_interval(share_interval(value, len(np.unique(patients))))
        metrics |= {name: value, f"{name}_ci95": bounds}
    metrics |= {"auc_by_class": per_class, "auc_macro": macro, "auc_macro_ci95": [None, None]}
    if macro is not None:
        metrics["auc_macro_ci95"] = interval(_macro_auc(labels, probabilities))
    if majority is not None:
        metrics["majority"] = {
            "class": names[majority],
            "accuracy": float((labels == majority).mean()),
            "balanced_accuracy": float(majority in present) / len(present),
        }
    return metrics | {
        "brier": multiclass_brier(labels, probabilities),
        "ece": confidence_error(labels, probabilities),
        "confusion": confusion(labels, called, count=count).tolist(),
        "against_baselines": _against_baselines(
            labels, probabilities, names=names, patients=patients, baselines=baselines, seed=seed
        ),
    }


def baseline_signs(labels: np.ndarray, scores: np.ndarray, *, count: int) -> list[int]:
    """Return for each class 1 if large scores speak for it, -1 if small ones do.

    Args:
        labels: `(N,)` from 0 to K - 1, of the training split.
        scores: `(N,)`, NaN where unknown.
        count: Number of classes.
    """
    known = ~np.isnan(scores)
    aucs = [auc((labels[known] == number).astype(int), scores[known]) for number in range(count)]
    return [-1 if value < 0.5 else 1 for value in aucs]


def _one_vs_rest(
    labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, seed: int
) -> dict[str, object]:
    bounds = auc_interval(labels.astype(int), scores, patients=patients, seed=seed)
    return {
        "n_positive": int(labels.sum()),
        "value": json_number(auc(labels.astype(int), scores)),
        "ci95": json_interval(bounds),
    }


def _against_baselines(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    names: Sequence[str],
    patients: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, dict[str, object]]:
    """Compare the net's AUC of each class with that of each known baseline."""
    compared: dict[str, dict[str, object]] = {}
    for baseline, scores in baselines.items():
        known = ~np.isnan(scores[:, 0])
        if not known.any():
            continue
        compared[baseline] = {
            name: against_baseline(
                (labels[known] == number).astype(int),
                probabilities[known, number],
                baseline=scores[known, number],
                patients=patients[known],
                seed=seed,
            )
            for number, name in enumerate(names)
        }
    return compared


def _holds_all(labels: np.ndarray, present: np.ndarray) -> Statistic:
    """Return a function that tells the resamples that hold all present classes."""
    return lambda weights: np.all(
        [weights[:, labels == number].sum(axis=1) > 0 for number in present], axis=0
    )


def _accuracy(right: np.ndarray) -> Statistic:
    return lambda weights: (weights @ right) / weights.sum(axis=1)


def _balanced_accuracy(right: np.ndarray, labels: np.ndarray, present: np.ndarray) -> Statistic:
    members = [labels == number for number in present]

    def statistic(weights: np.ndarray) -> np.ndarray:
        shares = [(weights @ (right & own)) / (weights @ own) for own in members]
        return np.mean(shares, axis=0)

    return statistic


def _macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> Statistic:
    statistics = [
        weighted_auc((labels == number).astype(int), probabilities[:, number])
        for number in range(probabilities.shape[1])
    ]
    return lambda weights: np.mean([statistic(weights) for statistic in statistics], axis=0)
