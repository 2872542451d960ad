"""task=classes and task=number from the table to the report, in folds, sweeps and inference."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import lungcam
from lungcam.export import read_description

from .conftest import ROOT, TINY, command

pytestmark = pytest.mark.slow

SMALL = tuple(setting for setting in TINY if not setting.startswith("data."))
NAMES = ("alpha", "beta two", "gamma")
CLASSES = "data.classes=[alpha,'beta two',gamma]"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def table(workplace, trained) -> Path:
    """Table of the phantoms with a word and a number in each row."""
    samples = rows(trained.folder / "samples.csv")
    file = workplace / "kinds.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "patient_id", "kind", "age"))
        for number, sample in enumerate(samples):
            image = (trained.folder / sample["image"]).resolve()
            writer.writerow((image, sample["patient_id"], NAMES[number % 3], 50 + number))
    return file


def train(workplace: Path, *settings: object) -> str:
    done = command("train.py", "model=small3d", *SMALL, *settings, cwd=workplace)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def classes(workplace, table) -> Path:
    settings = ("task=classes", "data=table", f"data.table={table}", "data.columns.label=kind")
    printed = train(workplace, *settings, CLASSES, "hydra.run.dir=classes")
    assert "balanced accuracy" in printed
    return workplace / "classes"


@pytest.fixture(scope="module")
def number(workplace, table) -> Path:
    settings = ("task=number", "data=table", f"data.table={table}", "data.columns.number=age")
    printed = train(workplace, *settings, "data.unit=years", "hydra.run.dir=number")
    assert "mean absolute error in years" in printed
    return workplace / "number"


def test_a_run_of_classes_has_its_tables_figures_and_report(classes):
    metrics = json.loads((classes / "metrics.json").read_text())
    assert metrics["task"] == {"name": "classes", "classes": list(NAMES)}
    assert list(metrics["test"]["n_by_class"]) == list(NAMES)
    # nothing of a label of 0 and 1, and nothing of a lesion
    assert not {"auc", "threshold", "n_positive", "peak_share"} & set(metrics["test"])
    for row in rows(classes / "predictions.csv"):
        shares = [float(row[f"probability_{name}"]) for name in NAMES]
        assert sum(shares) == pytest.approx(1, abs=1e-6)
        assert row["class"] == NAMES[int(np.argmax(shares))]
        assert row["label"] in NAMES
    assert {file.name for file in (classes / "figures").iterdir()} == {
        *("confusion.png", "roc.png", "reliability.png", "heatmaps.png", "learning_curves.png")
    }
    page = (classes / "report.html").read_text()
    assert "macro AUC on the test split" in page
    assert "Surest right answer of class beta two" in page


def test_infer_explains_every_class_of_a_scan(workplace, table, classes):
    scan = rows(table)[0]["image"]
    arguments = ("ckpt=classes", f"scan={scan}", "out=one_class", "report=true", "render.size=64")
    done = command("infer.py", *arguments, cwd=workplace)
    assert done.returncode == 0, done.stderr
    (folder,) = (workplace / "one_class").iterdir()
    record = json.loads((folder / "prediction.json").read_text())
    assert list(record["probabilities"]) == list(NAMES)
    assert f"class {record['class']}: alpha " in done.stdout
    files = {"alpha": "alpha", "beta two": "beta_two", "gamma": "gamma"}
    maps = {
        name: nib.load(folder / f"heatmap_{file}.nii.gz").get_fdata()
        for name, file in files.items()
    }
    # the map of the called class is the scan's
    assert np.array_equal(nib.load(folder / "heatmap.nii.gz").get_fdata(), maps[record["class"]])
    assert record["explanation"]["of"].startswith(f"class {record['class']},")
    assert "Probability of each class" in (folder / "report.html").read_text()
    # a chosen class, and no files of the command before
    chosen = next(name for name in NAMES if name != record["class"])
    arguments = (*arguments[:3], f"explain.class_name={chosen}", "picture=false")
    done = command("infer.py", *arguments, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(nib.load(folder / "heatmap.nii.gz").get_fdata(), maps[chosen])
    assert not (folder / "report.html").exists()


def test_infer_measures_a_table_and_takes_over_what_is_done(workplace, table, classes):
    arguments = ("ckpt=classes", f"scan={table}", "out=many_classes")
    first = command("infer.py", *arguments, cwd=workplace)
    assert first.returncode == 0, first.stderr
    out = workplace / "many_classes"
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["n"] == 16
    before = {name: (out / name).read_bytes() for name in ("predictions.csv", "metrics.json")}
    again = command("infer.py", *arguments, cwd=workplace)
    assert "16 of 16 scans were done already" in again.stdout
    assert {name: (out / name).read_bytes() for name in before} == before
    tested = {
        row["sample_id"]: row for row in rows(classes / "predictions.csv") if row["split"] == "test"
    }
    for row in rows(out / "predictions.csv"):
        if row["sample_id"] in tested:
            own = tested[row["sample_id"]]
            for name in NAMES:
                probability = float(row[f"probability_{name}"])
                assert probability == pytest.approx(float(own[f"probability_{name}"]), abs=1e-4)


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        ("train.py", ("task=classes",), "task=classes: name the classes"),
        (
            "train.py",
            ("task=classes", "explain.benchmark=true"),
            "explain.benchmark=true: it needs",
        ),
        ("train.py", ("task=number", "explain.erase=true"), "explain.erase=true: it needs"),
        ("train.py", ("explain.class_name=x",), "task=malignancy has no classes"),
        ("train.py", ("task=survival",), "task=survival: choose malignancy, risk, classes, number"),
        ("infer.py", ("explain.class_name=delta",), "choose alpha, beta two, gamma"),
        ("infer.py", ("explain.erase=true",), "explain.erase=true: it needs"),
        ("infer.py", ("dicom=true",), "dicom=true: its objects"),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_line(
    workplace, table, classes, script, settings, message
):
    own = (*SMALL, "data.n=16", "data.matrix=96") if script == "train.py" else ()
    if script == "infer.py":
        own = ("ckpt=classes", f"scan={rows(table)[0]['image']}", "out=refused")
    done = command(script, *own, *settings, cwd=workplace)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("lungcam: ")]
    assert message in line


@pytest.mark.parametrize("name", ["classes", "number"])
def test_a_notebook_and_an_exported_net_say_what_the_answer_is(
    workplace, table, classes, number, name
):
    folder = {"classes": classes, "number": number}[name]
    prediction = lungcam.load(folder).predict(rows(table)[0]["image"])
    assert prediction.answer in repr(prediction)
    assert prediction.answer[1:] in prediction._repr_html_()
    with pytest.raises(AttributeError, match=f"task={name} gives no probability"):
        _ = prediction.probability
    file = workplace / f"{name}.pt2"
    done = subprocess.run(
        [sys.executable, "-m", "lungcam", "export", f"ckpt={folder}", f"out={file}"],
        cwd=workplace,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    description = read_description(file)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert description["fit"] == metrics["fit"]
    assert {"name": name, **description["task_state"]} == metrics["task"]
    assert not {"threshold", "calibration"} & set(description)


def test_a_run_of_a_number_has_its_tables_figures_and_report(number):
    metrics = json.loads((number / "metrics.json").read_text())
    assert metrics["task"] == {"name": "number", "quantity": "age", "unit": "years"}
    # four validation scans are too few for an interval
    assert metrics["fit"]["margin"] is None
    assert "interval" not in metrics["test"]
    truth = {row["sample_id"]: float(row["number"]) for row in rows(number / "samples.csv")}
    for row in rows(number / "predictions.csv"):
        assert float(row["true"]) == truth[row["sample_id"]]
        assert math.isfinite(float(row["number"]))
        assert row["low"] == ""
    names = {"scatter.png", "agreement.png", "heatmaps.png", "learning_curves.png"}
    assert {file.name for file in (number / "figures").iterdir()} == names
    assert "mean absolute error on the test split" in (number / "report.html").read_text()


def test_infer_predicts_the_number_of_training(workplace, table, number):
    done = command("infer.py", "ckpt=number", f"scan={table}", "out=numbers", cwd=workplace)
    assert done.returncode == 0, done.stderr
    trained = {row["sample_id"]: row for row in rows(number / "predictions.csv")}
    for row in rows(workplace / "numbers" / "predictions.csv"):
        if row["sample_id"] in trained:
            own = float(trained[row["sample_id"]]["number"])
            assert float(row["number"]) == pytest.approx(own, abs=1e-3)
    metrics = json.loads((workplace / "numbers" / "metrics.json").read_text())
    assert metrics["test"]["n"] == 16


def test_folds_of_a_number_are_pooled(workplace, table):
    settings = ("task=number", "data=table", f"data.table={table}", "data.columns.number=age")
    checkpoint = ("callbacks=checkpoint", "cv.folds=2", "hydra.run.dir=number_cv")
    printed = train(workplace, *settings, *checkpoint)
    metrics = json.loads((workplace / "number_cv" / "metrics.json").read_text())
    assert (metrics["test"]["n"], metrics["test"]["folds"]["count"]) == (16, 2)
    assert len(rows(workplace / "number_cv" / "predictions.csv")) == 16
    assert "R² by fold" in printed


def test_a_sweep_of_classes_compares_the_macro_auc(workplace, table):
    settings = ("task=classes", "data=table", f"data.table={table}", "data.columns.label=kind")
    sweep = ("-m", "callbacks=checkpoint", "model.dropout=0,0.2", "hydra.sweep.dir=class_sweep")
    printed = train(workplace, *sweep, *settings, CLASSES)
    assert "best validation macro AUC first" in printed
    table_rows = rows(workplace / "class_sweep" / "sweep.csv")
    assert [row["status"] for row in table_rows] == ["done", "done"]
    for row in table_rows:
        assert float(row["objective"]) == pytest.approx(float(row["val_auc_macro"]))
