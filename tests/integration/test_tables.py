"""A table of one's own: from crops with own columns and words to a net, and back to tables."""

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
def place(tmp_path_factory) -> Path:
    """Folder with crops cut from phantoms, and their table."""
    folder = tmp_path_factory.mktemp("tables")
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
        write_volume(folder / "crops" / f"crop {i}.nii.gz", phantom.hu[box], grid=whole.crop(box))
        x, y, z = (round(float(mm), 3) for mm in phantom.center_mm)
        rows.append(
            [f"crops/crop {i}.nii.gz", f"person {i}", kind, x, y, z, phantom.diameter_mm, 50]
        )
    write(folder / "my crops, all.csv", HEADER, rows)
    return folder


def write(file: Path, header, rows) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def sides(folder: Path) -> dict[str, str]:
    return {row["patient_id"]: row["split"] for row in read(folder / "splits.csv")}


@pytest.fixture(scope="module")
def run(place) -> Path:
    table = "data.table=my crops, all.csv"
    done = command("train.py", table, *SETTINGS, *OWN, "hydra.run.dir=run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "diameter alone has AUC" in done.stdout
    return place / "run"


def test_the_run_says_how_far_size_alone_goes(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["label_rule"].startswith("label 1: finding malignant; 0: benign")
    assert metrics["left_out"] == 0
    for side in ("val", "test"):
        baselines = metrics[side]["baselines"]
        # malignant phantoms are larger, and so cut deeper; all are of one age
        assert baselines["auc_diameter"] == baselines["auc_crop_depth"] == 1.0
        assert baselines["auc_age"] == 0.5
        assert (metrics[side]["n"], metrics[side]["n_positive"]) == (4, 2)


def test_the_runs_table_names_the_samples_and_their_centres(run, place):
    rows = {row["patient_id"]: row for row in read(run / "samples.csv")}
    for own in read(place / "my crops, all.csv"):
        row = rows[own["who"]]
        assert (run / row["image"]).resolve() == (place / own["path"]).resolve()
        assert row["label"] == str(int(own["finding"] == "malignant"))
        assert float(row["coordX"]) == pytest.approx(-float(own["x"]), abs=1e-3)
        assert float(row["coordY"]) == pytest.approx(-float(own["y"]), abs=1e-3)
        assert float(row["coordZ"]) == pytest.approx(float(own["z"]), abs=1e-3)


def test_infer_reads_a_table_by_the_columns_of_the_training(run, place):
    table = "my crops, all.csv"
    done = command("infer.py", "ckpt=run", f"scan={table}", "out=all", cwd=place)
    assert done.returncode == 0, done.stderr
    found = {row["sample_id"]: row for row in read(place / "all" / "predictions.csv")}
    assert len(found) == 16
    known = read(run / "predictions.csv")
    assert len(known) == 8
    for row in known:
        assert float(found[row["sample_id"]]["logit"]) == pytest.approx(
            float(row["logit"]), abs=1e-4
        )
    metrics = json.loads((place / "all" / "metrics.json").read_text())
    assert (metrics["test"]["n"], metrics["test"]["n_positive"]) == (16, 8)
    # training and validation, but not the test
    assert metrics["seen_in_training"] == 12
    assert "the net knows 12 of them from its training or validation set" in done.stdout


def test_infer_takes_a_table_of_images_alone(run, place):
    tested = [row["sample_id"] for row in read(run / "splits.csv") if row["split"] == "test"]
    file = place / "only images.csv"
    paths = [row["path"] for row in read(place / "my crops, all.csv")]
    chosen = [one for one in paths if Path(one).name.replace(" ", "_").split(".")[0] in tested]
    write(file, ["image"], [[one] for one in chosen[:2]])
    done = command("infer.py", "ckpt=run", f"scan={file.name}", "out=few", cwd=place)
    assert done.returncode == 0, done.stderr
    rows = read(place / "few" / "predictions.csv")
    assert len(rows) == 2
    assert all(row["probability"] and not row["error"] for row in rows)
    assert not (place / "few" / "metrics.json").exists()
    assert "training or validation set" not in done.stdout


def test_the_runs_table_and_split_train_again_under_another_seed(run, place):
    done = command(
        "train.py",
        "data.table=run/samples.csv",
        *SETTINGS,
        "split.manifest=run/splits.csv",
        "seed=7",
        "hydra.run.dir=again",
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    assert sides(place / "again") == sides(run)
    first, second = (read(folder / "splits.csv") for folder in (run, place / "again"))
    assert {row["pixels"] for row in first} == {row["pixels"] for row in second}


def test_a_fold_is_the_test(run, place):
    done = command(
        "train.py",
        "data.table=run/samples.csv",
        *SETTINGS,
        "split.folds=4",
        "split.fold=1",
        "hydra.run.dir=fold",
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    found = list(sides(place / "fold").values())
    assert [found.count(side) for side in ("train", "val", "test")] == [8, 4, 4]


def test_a_leaking_table_is_refused_in_one_line(run, place):
    rows = [list(row.values()) for row in read(place / "my crops, all.csv")]
    rows[5][0] = rows[2][0]
    write(place / "leak.csv", HEADER, rows)
    done = command("train.py", "data.table=leak.csv", *SETTINGS, *OWN, cwd=place)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("lungcam: leak: the same image under several patients: ")
    assert "crop_2 of patient person 2 and crop_2_2 of patient person 5" in line
