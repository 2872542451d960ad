"""Sweeps: many runs of one application, their results, table and figure, and a search."""

from lungcam.sweeps.report import finish
from lungcam.sweeps.trial import Trial, lacks_space, refuse_single_run, trial_of

__all__ = ["Trial", "finish", "lacks_space", "refuse_single_run", "trial_of"]
