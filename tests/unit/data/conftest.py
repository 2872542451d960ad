"""Tiny phantoms and the transforms that prepare them."""

import pytest
import torchio as tio

from lungcam.cohorts import Cohort
from lungcam.cohorts.phantom import phantom_cohort
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    ZeroCentre,
    pipeline,
)


def make_transforms(margin_mm: float = 4) -> tio.Compose:
    return pipeline(
        {
            "threshold": HUThreshold(threshold=-350),
            "components": LungComponents(),
            "mask": LungMask(margin_mm=margin_mm),
            "view": LungView(shape=(24, 20, 16), spacing_mm=18),
            "normalise": ZeroCentre(),
        }
    )


@pytest.fixture(scope="session")
def transforms() -> tio.Compose:
    return make_transforms()


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Cohort:
    return phantom_cohort(tmp_path_factory.mktemp("phantoms"), n=4, matrix=64, workers=1)
