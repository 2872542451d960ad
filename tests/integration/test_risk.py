"""Risk within years: trained on phantoms of NLST, reported and explained by year."""

import csv
import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks import years_ahead

from .conftest import ROOT, TINY, command

pytestmark = pytest.mark.slow

SMALL = tuple(setting for setting in TINY if not setting.startswith("data."))
YEARS = [str(k) for k in range(1, 7)]


@pytest.fixture(scope="module")
def risky(workplace):
    """Train on a tree of phantoms; return the run folder and the printed lines."""
    written = subprocess.run(
        [
            sys.executable,
            "-m",
            "lungcam",
            "phantom",
            "people",
            "layout=nlst_risk",
            "n=48",
            "matrix=64",
        ],
        cwd=workplace,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert written.returncode == 0, written.stderr
    done = command(
        "train.py",
        "experiment=nlst_risk",
        "data.root=people",
        "explain.erase=true",
        # coarse: files are tested, not figures
        "view.shape=[32,24,32]",
        "view.spacing_mm=10",
        *SMALL,
        "hydra.run.dir=risky",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    return workplace / "risky", done.stdout


def rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_person_has_a_risk_that_never_decreases(risky):
    folder, _ = risky
    table = rows(folder / "risks.csv")
    risks = np.array([[float(row[f"risk_{k}"]) for k in YEARS] for row in table])
    assert (np.diff(risks, axis=1) >= 0).all()
    assert {row["split"] for row in table} == {"val", "test"}
    # people lost to follow-up have no label, and are predicted too
    assert "" in {row["label"] for row in table}
    labelled = {row["sample_id"]: row for row in rows(folder / "predictions.csv")}
    assert set(labelled) == {row["sample_id"] for row in table if row["label"]}
    for row in table:
        if row["label"]:
            horizon = float(labelled[row["sample_id"]]["probability"])
            assert horizon == pytest.approx(float(row["risk_6"]), rel=1e-6)


def test_figures_of_each_year_with_nodules_and_without(risky):
    folder, printed = risky
    metrics = json.loads((folder / "metrics.json").read_text())
    risk = metrics["test"]["risk"]
    assert list(risk["auc"]) == list(risk["calibration"]) == YEARS
    counts = [risk["auc"][k]["n_positive"] for k in YEARS]
    assert counts == sorted(counts)
    erased = risk["nodules_erased"]
    table = rows(folder / "erased.csv")
    assert erased["n"] == risk["n"] == len(table)
    assert erased["n_erased"] == sum(row["nodules"] != "0" for row in table) > 0
    for row in table:
        unchanged = row["risk_6"] == row["risk_6_erased"]
        assert unchanged or row["nodules"] != "0"
    assert "nodules erased: AUC" in printed
    assert (folder / "figures" / "risk.png").is_file()


def test_a_scan_gets_a_risk_and_a_map_for_each_year(workplace, risky):
    folder, _ = risky
    (row, *_) = [row for row in rows(folder / "samples.csv") if row["sample_id"].endswith("_T0")]
    scan = folder / row["image"]
    done = command(
        *("infer.py", "ckpt=risky", f"scan={scan}", "out=yearly", "picture=false", "report=true"),
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    (results,) = (workplace / "yearly").iterdir()
    record = json.loads((results / "prediction.json").read_text())
    risks = list(record["risk"].values())
    assert list(record["risk"]) == YEARS
    assert risks == sorted(risks)
    assert risks[-1] == record["probability"]
    assert "risk within 1 y" in done.stdout
    last = nib.load(results / "heatmap.nii.gz")
    maps = [nib.load(results / f"heatmap_year_{k}.nii.gz") for k in YEARS]
    assert all(np.allclose(volume.affine, last.affine) for volume in maps)
    assert np.array_equal(maps[-1].get_fdata(), last.get_fdata())
    assert not np.array_equal(maps[0].get_fdata(), last.get_fdata())
    assert sitk.ReadImage(str(results / "heatmap_year_1.nii.gz")).GetDimension() == 3
    assert "Risk within each year" in (results / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("task=survival",), "task=survival: choose malignancy, risk, classes, number."),
        (("task=risk", "data.n=16", "data.matrix=64"), "task=risk: no sample has a time to event"),
    ],
)
def test_a_task_without_targets_is_refused(workplace, arguments, message):
    done = command("train.py", *arguments, "hydra.run.dir=refused", cwd=workplace)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1 or "phantoms" in done.stderr


def test_risks_are_compared_with_the_best_possible_ones(workplace, risky, capsys):
    folder, _ = risky
    years_ahead.main(str(folder), str(workplace / "people"))
    risks, maps = capsys.readouterr().out.split("\n\n")[1:]
    assert [line.split(" | ")[0] for line in risks.splitlines()[2:]] == [f"| {k}" for k in YEARS]
    assert len(maps.splitlines()) > 2
