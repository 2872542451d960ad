from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture
def few_resamples(monkeypatch):
    """Draw few resamples: fast, and too few for real conclusions."""
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 200)


@pytest.fixture(scope="session")
def targets() -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Function from times and events to y_mask and y_seq `(N, 6)`, by Sybil's rule."""

    def make(time_days: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask, happened = np.zeros((len(event), 6)), np.zeros((len(event), 6))
        for row, (days, came) in enumerate(zip(time_days, event, strict=True)):
            year = int(days // 365)
            mask[row, : year + 1] = 1
            happened[row, year:] = came
        return mask, happened

    return make
