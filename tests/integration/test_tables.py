"""A user's own table: from crops with other columns and words to a net, and back to tables."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lungcam.grid import Grid
from lungcam.phantom import make_phantom
from lungcam.scans import write_volume

from .conftest import command

KINDS = ("malignant", "benign") * 8
SETTINGS = (
    "data=table",
    "view=nodule",
    "view.shape=[16,16,16]",
    "view.spacing_mm=2",
    "split.val=0.25",
    "split.test=0.25",
    "trainer.max_epochs=1",
    "trainer.gpus=0",
    "callbacks=checkpoint",
)
OWN = (
    "data.columns.image=path",
    "data.columns.patient_id=who",
    "data.columns.label=finding",
    "data.columns.center=[x,y,z]",
    "data.coordinates=RAS",
    "data.negative=[benign]",
    "data.positive=[malignant]",
    "data.features=[age]",
)
HEADER = ["path", "who", "finding", "x", "y", "z", "diameter_mm", "age"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with crops cut from phantoms, and their table."""
    path = tmp_path_factory.mktemp("tables")
    rows = []
    for i, kind in enumerate(KINDS):
        phantom = make_phantom(i, kind, matrix=64)
        whole = Grid(phantom.hu.shape, phantom.affine)
        middle = np.rint(whole.to_index(np.array(phantom.center_mm))).astype(int)
        half = (4, 4, 1 if kind == "benign" else 4)
        box = tuple(
            slice(max(0, m - h), min(n, m + h + 1))
            for m, h, n in zip(middle, half, whole.shape, strict=True)
        )
        write_volume(path / "crops" / f"crop {i}.nii.gz", phantom.hu[box], grid=whole.crop(box))
        x, y, z = (round(float(mm), 3) for mm in phantom.center_mm)
        rows.append(
            [f"crops/crop {i}.nii.gz", f"person {i}", kind, x, y, z, phantom.diameter_mm, 50]
        )
    write(path / "my crops, all.csv", HEADER, rows)
    return path


def write(file: Path, header, rows) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def sides(folder: Path) -> dict[str, str]:
    return {row["patient_id"]: row["split"] for row in read(folder / "splits.csv")}


@pytest.fixture(scope="module")
def run(folder) -> Path:
    table = "data.table=my crops, all.csv"
    done = command("train.py", table, *SETTINGS, *OWN, "hydra.run.dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "diameter alone has AUC" in done.stdout
    return folder / "run"


def test_the_run_reports_the_auc_of_size_alone(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["label_rule"].startswith("label 1: finding malignant; 0: benign")
    assert metrics["left_out"] == 0
    for side in ("val", "test"):
        baselines = metrics[side]["baselines"]
        # malignant phantoms are larger, so their crops are deeper; all have one age
        assert baselines["auc_diameter"] == baselines["auc_crop_depth"] == 1.0
        assert baselines["auc_age"] == 0.5
        assert (metrics[side]["n"], metrics[side]["n_positive"]) == (4, 2)


def test_the_table_of_the_run_has_samples_and_centres(run, folder):
    rows = {row["patient_id"]: row for row in read(run / "samples.csv")}
    for own in read(folder / "my crops, all.csv"):
        row = rows[own["who"]]
        assert (run / row["image"]).resolve() == (folder / own["path"]).resolve()
        assert row["label"] == str(int(own["finding"] == "malignant"))
        assert float(row["coordX"]) == pytest.approx(-float(own["x"]), abs=1e-3)
        assert float(row["coordY"]) == pytest.approx(-float(own["y"]), abs=1e-3)
        assert float(row["coordZ"]) == pytest.approx(float(own["z"]), abs=1e-3)


def test_infer_reads_a_table_by_the_columns_of_the_training(run, folder):
    table = "my crops, all.csv"
    done = command("infer.py", "ckpt=run", f"scan={table}", "out=all", cwd=folder)
    assert done.returncode == 0, done.stderr
    predicted = {row["sample_id"]: row for row in read(folder / "all" / "predictions.csv")}
    assert len(predicted) == 16
    known = read(run / "predictions.csv")
    assert len(known) == 8
    for row in known:
        assert float(predicted[row["sample_id"]]["logit"]) == pytest.approx(
            float(row["logit"]), abs=1e-4
        )
    metrics = json.loads((folder / "all" / "metrics.json").read_text())
    assert (metrics["test"]["n"], metrics["test"]["n_positive"]) == (16, 8)
    # training and validation, but not the test
    assert metrics["seen_in_training"] == 12
    assert "the net knows 12 of them from its training or validation set" in done.stdout


def test_infer_takes_a_table_of_images_alone(run, folder):
    tested = [row["sample_id"] for row in read(run / "splits.csv") if row["split"] == "test"]
    file = folder / "only images.csv"
    paths = [row["path"] for row in read(folder / "my crops, all.csv")]
    chosen = [path for path in paths if Path(path).name.replace(" ", "_").split(".")[0] in tested]
    write(file, ["image"], [[path] for path in chosen[:2]])
    done = command("infer.py", "ckpt=run", f"scan={file.name}", "out=few", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = read(folder / "few" / "predictions.csv")
    assert len(rows) == 2
    assert all(row["probability"] and not row["error"] for row in rows)
    assert not (folder / "few" / "metrics.json").exists()
    assert "training or validation set" not in done.stdout


def test_table_and_split_of_a_run_can_be_reused_with_another_seed(run, folder):
    done = command(
        "train.py",
        "data.table=run/samples.csv",
        *SETTINGS,
        "split.manifest=run/splits.csv",
        "seed=7",
        "hydra.run.dir=again",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert sides(folder / "again") == sides(run)
    first, second = (read(path / "splits.csv") for path in (run, folder / "again"))
    assert {row["pixels"] for row in first} == {row["pixels"] for row in second}


def test_the_chosen_fold_is_the_test_split(run, folder):
    done = command(
        "train.py",
        "data.table=run/samples.csv",
        *SETTINGS,
        "split.folds=4",
        "split.fold=1",
        "hydra.run.dir=fold",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    splits = list(sides(folder / "fold").values())
    assert [splits.count(side) for side in ("train", "val", "test")] == [8, 4, 4]


def test_a_leaking_table_is_refused_in_one_line(run, folder):
    rows = [list(row.values()) for row in read(folder / "my crops, all.csv")]
    rows[5][0] = rows[2][0]
    write(folder / "leak.csv", HEADER, rows)
    done = command("train.py", "data.table=leak.csv", *SETTINGS, *OWN, cwd=folder)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("lungcam: leak: the same image under several patients: ")
    assert "crop_2 of patient person 2 and crop_2_2 of patient person 5" in line
