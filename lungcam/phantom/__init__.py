"""Phantoms: synthetic chest CT with a known truth, reproducible from a seed."""

from lungcam.phantom.cohort import phantom_cohort
from lungcam.phantom.phantom import Phantom, make_phantom

__all__ = ["Phantom", "make_phantom", "phantom_cohort"]
