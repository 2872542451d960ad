from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture
def few_resamples(monkeypatch):
    """Enough to be drawn and told, not to be believed."""
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 200)


@pytest.fixture(scope="session")
def targets() -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """y_mask and y_seq `(N, 6)` of times and events, by Sybil's rule."""

    def of(time_days: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask, happened = np.zeros((len(event), 6)), np.zeros((len(event), 6))
        for row, (days, came) in enumerate(zip(time_days, event, strict=True)):
            year = int(days // 365)
            mask[row, : year + 1] = 1
            happened[row, year:] = came
        return mask, happened

    return of
