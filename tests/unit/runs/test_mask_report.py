"""No failed segmentation is trained on in silence."""

import csv

import numpy as np
import pytest
from PIL import Image

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.phantom import make_phantom
from lungcam.data import ScanDataModule
from lungcam.grid import Grid
from lungcam.runs.mask_report import report_masks
from lungcam.scans import write_volume
from lungcam.transforms import HUThreshold, LungComponents, LungMask, LungView, ZeroCentre, pipeline


@pytest.fixture
def make_data(tmp_path):
    """Function of (opaque) that gives a module of six people, the first with an opaque lung."""

    def make(opaque: bool) -> ScanDataModule:
        samples = []
        for i in range(6):
            phantom = make_phantom(i, "healthy", matrix=64)
            hu, grid = phantom.hu.copy(), Grid(phantom.hu.shape, phantom.affine)
            if opaque and i == 0:
                voxels = np.argwhere(phantom.lungs)
                left = voxels[grid.to_world(voxels)[:, 0] < 0]
                hu[tuple(left.T)] = 30
            file = tmp_path / f"scan-{i}.nii.gz"
            write_volume(file, hu, grid)
            samples.append(Sample(f"scan-{i}", f"person-{i}", file, i % 2, "a test"))
        steps = {
            "threshold": HUThreshold(),
            "components": LungComponents(),
            "mask": LungMask(),
            "view": LungView((16, 12, 16), 20.0),
            "normalise": ZeroCentre(),
        }
        data = ScanDataModule(
            Cohort(samples, "a rule"), pipeline(steps), tmp_path / "cache", 0.33, 0.33, 2, 0, 0
        )
        data.setup()
        return data

    return make


def test_a_flagged_mask_is_told_named_and_shown_first(make_data, tmp_path):
    line = report_masks(make_data(opaque=True), tmp_path / "run")
    assert line is not None
    assert "1 of 6 scans are flagged" in line
    assert "masks.png" in line
    with (tmp_path / "run" / "quality.csv").open() as file:
        rows = {row["sample_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 6
    assert [name for name, row in rows.items() if "one_sided" in row["flags"]] == ["scan-0"]
    assert float(rows["scan-0"]["left_share"]) < 0.1 < float(rows["scan-1"]["left_share"])
    assert "little air on the left" in rows["scan-0"]["warnings"]
    sheet = np.asarray(Image.open(tmp_path / "run" / "masks.png"))
    assert sheet[1, 1].tolist() == [255, 90, 80]


def test_nothing_is_said_where_all_is_well(make_data, tmp_path):
    assert report_masks(make_data(opaque=False), tmp_path / "run") is None
    assert (tmp_path / "run" / "masks.png").is_file()
