"""Training of a detector, on phantoms: from tables to a checkpoint that searches."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lungcam.data import series_hashes
from lungcam.detection.checkpoint import load_detector
from lungcam.grid import Grid, lps_columns
from lungcam.phantom import make_phantom
from lungcam.phantom.layouts import write_layout
from lungcam.scans import write_volume

from .conftest import command

MARGIN = 10


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """Folder with nodules.csv, ten crops with outlines, and scans.csv, two whole phantoms."""
    folder = tmp_path_factory.mktemp("detector")
    crops, scans = [], []
    for seed in range(10):
        phantom = make_phantom(seed, "malignant", matrix=96)
        grid = Grid(phantom.hu.shape, phantom.affine)
        name = f"person-{seed}"
        inside = np.argwhere(phantom.nodule)
        low = np.maximum(inside.min(axis=0) - MARGIN, 0)
        high = np.minimum(inside.max(axis=0) + MARGIN, np.array(grid.shape))
        box = tuple(map(slice, map(int, low), map(int, high)))
        write_volume(folder / f"{name}.nii.gz", phantom.hu[box].copy(), grid=grid.crop(box))
        mask = phantom.nodule[box].astype(np.uint8)
        write_volume(folder / f"{name}_mask.nii.gz", mask, grid=grid.crop(box))
        place = {
            **lps_columns("coord", np.array(phantom.center_mm)),
            "diameter_mm": phantom.diameter_mm,
        }
        row = {"sample_id": name, "patient_id": name, "label": 1, **place}
        crops.append({**row, "image": f"{name}.nii.gz", "mask": f"{name}_mask.nii.gz"})
        if seed < 2:
            write_volume(folder / f"chest-{seed}.nii.gz", phantom.hu, grid=grid)
            scans.append(row | {"sample_id": f"chest-{seed}", "image": f"chest-{seed}.nii.gz"})
    for name, rows in (("nodules.csv", crops), ("scans.csv", scans)):
        with (folder / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def train(tables: Path, run: str, *more: str):
    return command(
        "train.py",
        "experiment=lidc_detect",
        "data.table=nodules.csv",
        "trainer.max_epochs=2",
        "loader.workers=0",
        "detection.cubes=16",
        "detection.mined=[0.5]",
        "split.test=0.3",
        "logger=csv",
        f"hydra.run.dir={run}",
        *more,
        cwd=tables,
    )


@pytest.mark.slow
def test_a_detector_is_trained_and_searches_what_it_has_not_seen(tables):
    scans = ("detection.scans=scans.csv", "detection.leave_out=[chest-1]")
    done = train(tables, "run", *scans, "model.width=4")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tables / "run" / "metrics.json").read_text())
    (row,) = [row for row in figures["crops"] if row["mm"] == "4-100"]
    assert row["nodules"] == 3
    assert figures["litres"] > 0
    assert set(figures["scans"]) >= {"chest-1"}
    with (tables / "run" / "splits.csv").open(newline="") as stream:
        sides = {row["patient_id"]: row["split"] for row in csv.DictReader(stream)}
    # the patient of a scan that is searched at the end is not learnt from
    assert sides.get("person-1") != "train"
    assert list(sides.values()).count("test") == 3
    detector = load_detector(tables / "run" / "checkpoints" / "best.ckpt", torch.device("cpu"))
    assert detector.metadata["figures"]["crops"] == figures["crops"]
    assert detector.net(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 1, 8, 8, 8)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("detection.scans=null",), "detection.scans"),
        (("detection.scans=null", "view=lungs", "detection.leave_out=[a]"), "leave_out"),
        (("detection.scans=scans.csv", "detection.drawn=0"), "drawn"),
        (("detection.scans=absent.csv",), "absent.csv"),
        (("detection.scans=scans.csv", "model=small3d", "explain.layer=conv3"), "model=detector"),
        (("detection.scans=scans.csv", "cv.folds=3"), "cv"),
        (("detection.scans=scans.csv", "detection.leave_out=[chest-7]"), "chest-7"),
    ],
)
def test_what_cannot_train_a_detector_is_refused_in_one_line(tables, more, message):
    done = train(tables, "refused", *more)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tables / "refused" / "checkpoints").exists()


@pytest.mark.slow
def test_a_detector_is_trained_on_whole_scans_and_tested_on_an_official_fold(tmp_path):
    write_layout(tmp_path / "luna", "luna16", n=6, matrix=64, workers=1)
    done = command(
        "train.py",
        *("experiment=detect", "data=luna16", "data.root=luna", "split.fold=2", "split.val=0.2"),
        *("trainer.max_epochs=2", "loader.workers=0", "model.width=4", "logger=csv"),
        *("detection.cubes=8", "detection.drawn=2", "detection.mined=[0.5]", "hydra.run.dir=run"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())["searched"]
    with (tmp_path / "run" / "splits.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    tested = [row for row in rows if row["split"] == "test"]
    subset = {file.stem for file in (tmp_path / "luna" / "subset2").glob("*.mhd")}
    assert {row["series_uid"] for row in tested} == subset
    assert figures["n_scans"] == len(tested)
    assert 0 <= figures["sources"]["blob"]["cpm"] <= 1
    with (tmp_path / "run" / "candidates.csv").open(newline="") as stream:
        assert {row["seriesuid"] for row in csv.DictReader(stream)} == {
            row["series_uid"] for row in tested
        }
    assert "CPM" in done.stdout
    detector = load_detector(tmp_path / "run" / "checkpoints" / "best.ckpt", torch.device("cpu"))
    learnt = {row["series_uid"] for row in rows if row["split"] == "train"}
    assert detector.metadata["series"] == series_hashes(learnt)
