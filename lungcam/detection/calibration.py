"""From a detector's logit to the probability that a candidate is a nodule."""

import numpy as np

from lungcam.metrics import Calibration, fit_platt

# litres of lung to search, and nodules in them: a chest with one nodule
LITRES_PER_NODULE = 4.0


def fit_calibration(
    nodules: np.ndarray, others: np.ndarray, *, litres: float | None
) -> Calibration:
    """Fit Platt's scaling to nodules and other peaks that the net has not learnt from.

    In crops nodules are as frequent as what else looks like one. The fit counts other peaks as they
    come in a chest of 4 litres with one nodule.

    Args:
        nodules: `(N,)` logits of nodules; -inf where nothing was found.
        others: `(M,)` logits of other peaks.
        litres: Volume that was searched if it is that of crops; None for whole scans, where both
            are as frequent as they are.

    Returns:
        The calibration; that of a plain logistic function where there is too little to fit.
    """
    nodules = nodules[np.isfinite(nodules)]
    if len(nodules) < 10 or len(others) < 10 or litres == 0:
        return Calibration()
    logits = np.concatenate([nodules, others])
    labels = np.concatenate([np.ones(len(nodules)), np.zeros(len(others))])
    calibration = fit_platt(labels, logits)
    if litres is None:
        return calibration
    # nodules are so many times as frequent in the crops as in a chest
    richer = len(nodules) / litres * LITRES_PER_NODULE
    return Calibration(calibration.slope, calibration.intercept - float(np.log(richer)))
