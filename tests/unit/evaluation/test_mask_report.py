"""Samples with a failed lung mask are reported before training."""

import csv

import numpy as np
import pytest

from lungcam.cohorts import Cohort, Sample
from lungcam.data import SplitRule
from lungcam.data.cache_entry import read_entry
from lungcam.data.datamodule import ScanDataModule
from lungcam.data.dataset import PreparedDataset
from lungcam.evaluation.mask_report import report_masks
from lungcam.grid import Grid
from lungcam.phantom import make_phantom
from lungcam.scans import write_volume
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    ZeroCentre,
    pipeline,
)


@pytest.fixture
def make_data(tmp_path, one_processor):
    """Function that makes a data module of six people, the first with an opaque lung on demand."""

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
            write_volume(file, hu, grid=grid)
            samples.append(
                Sample(
                    sample_id=f"scan-{i}",
                    patient_id=f"person-{i}",
                    image=file,
                    label=i % 2,
                    label_source="a test",
                )
            )
        steps = {
            "threshold": HUThreshold(),
            "components": LungComponents(),
            "mask": LungMask(),
            "view": LungView((16, 12, 16), 20.0),
            "normalise": ZeroCentre(),
        }
        data = ScanDataModule(
            Cohort(samples, "a rule"),
            pipeline(steps),
            cache=tmp_path / "cache",
            split=SplitRule(val=0.33, test=0.33),
            batch_size=2,
            workers=0,
            seed=0,
        )
        data.setup()
        return data

    return make


def rows_of(folder) -> dict[str, dict[str, str]]:
    with (folder / "quality.csv").open() as file:
        return {row["sample_id"]: row for row in csv.DictReader(file)}


def test_a_flagged_mask_is_named_and_shown_first(make_data, tmp_path):
    (line,) = report_masks(make_data(opaque=True), tmp_path / "run")
    assert "1 of 6 samples are flagged, such as scan-0 (" in line
    assert "masks.html" in line
    rows = rows_of(tmp_path / "run")
    assert len(rows) == 6
    assert [name for name, row in rows.items() if "one_sided" in row["flags"]] == ["scan-0"]
    assert float(rows["scan-0"]["left_share"]) < 0.1 < float(rows["scan-1"]["left_share"])
    assert "little air on the left" in rows["scan-0"]["warnings"]
    page = (tmp_path / "run" / "masks.html").read_text()
    assert page.index("<b>scan-0</b>") < page.index("<b>scan-1</b>")
    assert page.count('<figure class="flagged">') == 1


def test_inputs_are_not_read_for_the_report(make_data, tmp_path):
    """Damaged inputs would be noticed if they were read."""
    data = make_data(opaque=True)
    expected = report_masks(data, tmp_path / "run")
    table = (tmp_path / "run" / "quality.csv").read_bytes()
    for dataset in data.datasets.values():
        for index in range(len(dataset)):
            file, entry = dataset.file(index), read_entry(dataset.file(index))
            content = bytearray(file.read_bytes())
            for name in ("input", "lungs"):
                begin = entry.begin + entry.arrays[name].offset
                content[begin : begin + 8] = b"no array"
            file.write_bytes(content)
            assert not read_entry(file).is_intact("input")
    assert report_masks(data, tmp_path / "run") == expected
    assert (tmp_path / "run" / "quality.csv").read_bytes() == table


def test_only_thumbnails_on_the_sheet_are_read(make_data, tmp_path, monkeypatch):
    monkeypatch.setattr("lungcam.evaluation.mask_report.MAX_THUMBNAILS", 2)
    read = []
    picture = PreparedDataset.picture

    def note(dataset, index):
        read.append(dataset.samples[index].sample_id)
        return picture(dataset, index)

    monkeypatch.setattr(PreparedDataset, "picture", note)
    report_masks(make_data(opaque=True), tmp_path / "run")
    assert len(read) == 2
    assert read[0] == "scan-0"
    assert (tmp_path / "run" / "masks.html").read_text().count("<figure ") == 2


def test_sound_masks_give_no_line(make_data, tmp_path):
    assert report_masks(make_data(opaque=False), tmp_path / "run") == []
    assert (tmp_path / "run" / "masks.html").is_file()


@pytest.fixture
def crops(tmp_path, one_processor):
    """Data module of twelve crops: the first is unreadable, the second has its centre outside."""
    samples = []
    for i in range(12):
        hu = np.random.default_rng(i).integers(-1000, 400, (9, 9, 5)).astype(np.int16)
        write_volume(tmp_path / f"crop-{i}.nii.gz", hu, grid=Grid(hu.shape, np.eye(4)))
        center = (4.0, 4.0, 60.0 if i == 1 else 2.0)
        file = tmp_path / f"crop-{i}.nii.gz"
        samples.append(
            Sample(
                sample_id=f"crop-{i}",
                patient_id=f"p-{i}",
                image=file,
                label=i % 2,
                label_source="a test",
                center_mm=center,
            )
        )
    samples[0].image.write_bytes(b"no NIfTI")
    data = ScanDataModule(
        Cohort(samples, "a rule"),
        pipeline({"view": NoduleView((4, 4, 4), 2.0)}),
        cache=tmp_path / "cache",
        split=SplitRule(val=0.34, test=0.34),
        batch_size=2,
        workers=0,
        seed=0,
    )
    data.setup()
    return data


def test_crops_that_are_left_out_or_flagged_are_named(crops, tmp_path):
    left_out, flagged = report_masks(crops, tmp_path / "run")
    assert left_out.startswith("note: 1 samples are left out, the first since ")
    assert "crop-0.nii.gz: " in left_out
    assert left_out.endswith("quality.csv has all.")
    assert "1 of 11 samples are flagged, such as crop-1 (its centre lies 55.5 mm" in flagged
    # crops have no mask to look at
    assert "masks.html" not in flagged
    assert not (tmp_path / "run" / "masks.html").exists()
    rows = rows_of(tmp_path / "run")
    assert len(rows) == 12
    assert (rows["crop-0"]["flags"], rows["crop-0"]["split"]) == ("left_out", "")
    assert "crop-0.nii.gz" in rows["crop-0"]["warnings"]
    assert rows["crop-1"]["flags"] == "center_outside"
    assert "the crop's middle is shown" in rows["crop-1"]["warnings"]
    assert {rows[f"crop-{i}"]["flags"] for i in range(2, 12)} == {""}
