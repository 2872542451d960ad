"""Preparation of a scan for a prediction."""

from importlib import import_module

import pytest

from lungcam.cohorts import Sample
from lungcam.grid import Grid
from lungcam.inference.prepare import prepare_scan
from lungcam.phantom import make_phantom
from lungcam.scans import write_volume
from lungcam.transforms import HUThreshold, LungComponents, LungMask, LungView, pipeline


@pytest.fixture
def sample(tmp_path):
    phantom = make_phantom(3, "healthy", matrix=64)
    file = tmp_path / "scan.nii.gz"
    write_volume(file, phantom.hu, grid=Grid(phantom.hu.shape, phantom.affine))
    return Sample(sample_id="a", patient_id="p", image=file, label=None, label_source="a test")


def test_masks_are_judged_and_no_thumbnail_is_drawn(sample, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("nobody sees it")

    # by name, the function `pipeline` hides its module
    module = import_module("lungcam.transforms.pipeline")
    monkeypatch.setattr(module, "thumbnail", refuse)
    steps = {
        "threshold": HUThreshold(),
        "components": LungComponents(),
        "mask": LungMask(),
        "view": LungView((16, 12, 16), 20.0),
    }
    prepared = prepare_scan(sample, pipeline(steps))
    assert 1000 < prepared.quality.figures["lungs_ml"] < 8000
    assert set(prepared.masks) == {"mask", "lungs"}
