"""Samples of several classes and of numbers."""

from pathlib import Path

import numpy as np
import pytest

from lungcam.cohorts import Sample


def make_sample(index: int, **values: object) -> Sample:
    """Make a sample; two samples share a patient."""
    defaults = {"label": None, "label_source": f"row {index}", "diameter_mm": 4.0 + index / 2}
    return Sample(
        sample_id=f"s{index}",
        patient_id=f"p{index // 2}",
        image=Path(f"{index}.nii"),
        **(defaults | values),
    )


@pytest.fixture
def classed() -> list[Sample]:
    """Return 60 samples of 30 patients, of three classes in turn by patient."""
    return [make_sample(i, label=(i // 2) % 3) for i in range(60)]


@pytest.fixture
def class_logits(classed) -> np.ndarray:
    """Return logits `(60, 3)` that mostly rise for the sample's class."""
    noise = np.random.default_rng(1).normal(size=(len(classed), 3))
    return 1.5 * np.eye(3)[[sample.label for sample in classed]] + noise


@pytest.fixture
def numbered() -> list[Sample]:
    """Return 60 samples of 30 patients with the numbers 3, 3.5, ..."""
    return [make_sample(i, number=3 + i / 2) for i in range(60)]
