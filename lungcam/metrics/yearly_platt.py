"""Platt scaling of the risks of all years together."""

import numpy as np

from lungcam.metrics.follow_up import share_left
from lungcam.metrics.platt import Calibration, fit_platt

YEARLY_CALIBRATION_RULE = (
    "Platt scaling of all years' cumulative logits together, one slope above 0 and one intercept, "
    "so that the risks of later years stay the greater; fitted on the validation split's pairs of "
    "scan and year whose outcome is known, each patient weighing alike, and known pairs standing "
    "in for those lost to follow-up (inverse probability of censoring)"
)


def fit_yearly_platt(
    logits: np.ndarray, happened: np.ndarray, in_follow_up: np.ndarray, patients: np.ndarray
) -> Calibration:
    """Fit one calibration to the cumulative logits of all years, by maximum likelihood.

    A pair of a row and a year is known where the event came by then, or where `y_mask` is 1: that
    ends with the year of the event, and without the later years, of which the outcome is as well
    known, late risks would come out too low. Left at that they would come out too high, since rows
    that are lost to follow-up have no late pairs, and those with an event before have. So each pair
    weighs by the inverse of the share of rows still followed (Graf et al., Stat Med
    1999;18:2529-2545), estimated by Kaplan-Meier from the masks.

    Args:
        logits: `(N, Y)` cumulative logits of samples that were not trained on.
        happened: `(N, Y)`, y_seq of `risk_targets`.
        in_follow_up: `(N, Y)`, y_mask of `risk_targets`.
        patients: `(N,)` patient of each row; the weight of one is shared out to the rows.

    Returns:
        The calibration; one that changes nothing where nothing, or one outcome alone, is known.
    """
    happened = np.asarray(happened) == 1
    mask = np.asarray(in_follow_up) == 1
    known = mask | happened
    if not known.any():
        return Calibration()
    _, person, scans = np.unique(patients, return_inverse=True, return_counts=True)
    rows = 1 / scans[person]
    weights = rows[:, None] / _followed(happened, mask, rows) / logits.shape[1]
    return fit_platt(happened[known].astype(int), logits[known], weights[known])


def _followed(happened: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Share of rows followed into each year `(N, Y)`, or into that of a row's event.

    Where nobody is left that could be known the share is 1: no pair asks for it.

    Args:
        happened: `(N, Y)` bool.
        mask: `(N, Y)` bool.
        rows: `(N,)` weight of each.
    """
    # free and followed all through the year before, so that this one might have been known
    before = np.c_[np.ones(len(rows), bool), (mask & ~happened)[:, :-1]]
    lost = before & ~mask
    left = share_left((rows @ lost)[None], (rows @ before)[None])[0, 1:]
    # a row with the event is known ever after by how it was followed until then
    at_event = np.where(mask, left, np.inf).min(axis=1, keepdims=True)
    share = np.where(happened, at_event, left)
    return np.where((share > 0) & np.isfinite(share), share, 1)
