"""One net, several, and several with mirror images, on patients that none of them has seen.

`python -m benchmarks.ensembles TABLE OUT [--outer 5] [--inner 5] [SETTING...]` trains a
cross-validation on the other patients of each outer fold (25 trainings by default, some hours), and
applies its nets to the patients that were left out. Repeat it to continue. Prints Markdown.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logit

from benchmarks.markdown import table
from benchmarks.measure import say
from lungcam.cohorts import Sample
from lungcam.cohorts.table import table_cohort
from lungcam.data.splits import split_by_fold
from lungcam.metrics import auc, auc_interval, brier, expected_calibration_error, paired_difference
from lungcam.metrics.summary import p_value, with_interval

ROOT = Path(__file__).parents[1]
# of no influence: the test of an outer fold needs no validation
VAL = 0.5
EXPERIMENT = ("experiment=lidc_nodules", "callbacks=checkpoint")
ONE, SEVERAL, FLIPPED = "one net", "{} nets", "{} nets, mirror images"
# columns with paths, relative to the table
PATHS = ("image", "mask")
HOW = """\
## One net, or several

{outer} outer folds by patient: for each, a cross-validation of {inner} folds on the other patients
(`{settings}`). Its nets are applied to the patients that were left out: the first net alone, all of
them (`infer.py ckpt=CV`), and all over mirror images (`tta=flips`). {n} samples of {patients}
patients, {positive} positive. AUC pooled over the outer folds with its 95 % interval over patients;
the difference to the one net in the same resamples of patients. *Each net alone* is the mean of the
{inner} pooled AUCs that the nets of equal number have.
"""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Answers of one outer fold for its patients.

    Attributes:
        samples: The N samples.
        each: `(N, nets)` probabilities of each net.
        several: `(N,)` probabilities of all nets.
        flipped: `(N,)` the same over mirror images.
    """

    samples: Sequence[Sample]
    each: np.ndarray
    several: np.ndarray
    flipped: np.ndarray


def section(
    nodules: Path, out: Path, *, outer: int, inner: int, settings: Sequence[str] = EXPERIMENT
) -> str:
    """Train, apply and compare.

    Args:
        nodules: Table of crops; columns as for `data=table`.
        out: Folder of the runs; finished parts are kept.
        outer: Number of outer folds.
        inner: Number of nets for each.
        settings: Settings of the trainings.

    Returns:
        Markdown.
    """
    cohort = table_cohort(str(nodules), {}).samples
    folds = []
    for fold in range(outer):
        folder = out / f"outer_{fold}"
        test = _lay_out(nodules, folder, cohort, outer=outer, fold=fold)
        run = _cross_validation(folder, inner=inner, settings=settings)
        say(f"outer fold {fold} of {outer}: {len(test)} samples are left out")
        folds.append(_answers(run, folder, test))
    return _markdown(folds, outer=outer, inner=inner, settings=settings)


def _lay_out(
    nodules: Path, folder: Path, cohort: Sequence[Sample], *, outer: int, fold: int
) -> list[Sample]:
    """Write train.csv and test.csv of an outer fold; return the samples of the latter.

    Samples without a label may train, unless their patient is left out.
    """
    labelled = [sample for sample in cohort if sample.label is not None]
    test = split_by_fold(labelled, outer, fold=fold, val=VAL, seed=0)["test"]
    patients, names = ({getattr(s, key) for s in test} for key in ("patient_id", "sample_id"))
    samples = {sample.image.resolve(): sample for sample in cohort}
    with nodules.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    parts: dict[str, list[dict[str, str]]] = {"train": [], "test": []}
    for row in rows:
        for column in PATHS:
            if row.get(column):
                row[column] = str((nodules.parent / row[column]).resolve())
        sample = samples[Path(row["image"])]
        if sample.sample_id in names:
            parts["test"].append(row)
        elif sample.patient_id not in patients:
            parts["train"].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in parts.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(chosen)
    return test


def _cross_validation(folder: Path, *, inner: int, settings: Sequence[str]) -> Path:
    """Train the nets of an outer fold, unless they are finished; return their folder."""
    run = folder / "cv"
    if (run / "metrics.json").is_file():
        return run
    if run.is_dir():
        _run("train.py", f"resume={run}", folder=folder)
    else:
        _run(
            "train.py",
            *settings,
            f"data.table={folder / 'train.csv'}",
            f"cv.folds={inner}",
            f"hydra.run.dir={run}",
            folder=folder,
        )
    return run


def _answers(run: Path, folder: Path, test: Sequence[Sample]) -> HeldOut:
    """Apply all nets to the patients that were left out, as they are and over mirror images."""
    scan = f"scan={folder / 'test.csv'}"
    _run("infer.py", f"ckpt={run}", scan, f"out={folder / 'plain'}", folder=folder)
    _run("infer.py", f"ckpt={run}", scan, f"out={folder / 'flips'}", "tta=flips", folder=folder)
    plain, flipped = (
        [
            json.loads((folder / name / sample.sample_id / "prediction.json").read_text())
            for sample in test
        ]
        for name in ("plain", "flips")
    )
    assert not any(record["seen_in_training"] for record in plain)
    return HeldOut(
        samples=test,
        each=np.array([[net["probability"] for net in record["nets"]] for record in plain]),
        several=np.array([record["probability"] for record in plain]),
        flipped=np.array([record["probability"] for record in flipped]),
    )


def _markdown(folds: Sequence[HeldOut], *, outer: int, inner: int, settings: Sequence[str]) -> str:
    labels = np.array([sample.label for fold in folds for sample in fold.samples])
    patients = np.array([sample.patient_id for fold in folds for sample in fold.samples])
    each = np.concatenate([fold.each for fold in folds])
    answers = {
        ONE: each[:, 0],
        SEVERAL.format(inner): np.concatenate([fold.several for fold in folds]),
        FLIPPED.format(inner): np.concatenate([fold.flipped for fold in folds]),
    }
    first = _scores(answers[ONE])
    rows = []
    for name, probabilities in answers.items():
        scores, difference = _scores(probabilities), "-"
        if name != ONE:
            paired = paired_difference(labels, scores, other_scores=first, patients=patients)
            interval = with_interval(paired.difference, (paired.low, paired.high), sign="+")
            difference = f"{interval}, {p_value(paired.p)}"
        rows.append(
            [
                name,
                with_interval(auc(labels, scores), auc_interval(labels, scores, patients=patients)),
                difference,
                f"{brier(labels, probabilities):.3f}",
                f"{expected_calibration_error(labels, probabilities):.3f}",
            ]
        )
    alone = [auc(labels, _scores(column)) for column in each.T]
    rows.append(["each net alone", f"{np.mean(alone):.3f} (mean)", "-", "-", "-"])
    how = HOW.format(
        outer=outer,
        inner=inner,
        settings=" ".join(settings),
        n=len(labels),
        patients=len(set(patients)),
        positive=labels.sum(),
    )
    head = ["", "AUC", "less the one net", "Brier score", "calibration error"]
    return f"{how}\n{table(head, rows)}\n"


def _scores(probabilities: np.ndarray) -> np.ndarray:
    """Return calibrated logits; prediction.json rounds probabilities to six digits."""
    return logit(probabilities.clip(1e-6, 1 - 1e-6))


def _run(script: str, *arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{script} {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="table of crops, such as nodules.csv")
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--outer", type=int, default=5)
    parser.add_argument("--inner", type=int, default=5)
    parser.add_argument("settings", nargs="*", default=EXPERIMENT, help="settings of train.py")
    arguments = parser.parse_args()
    print(
        section(
            arguments.table.resolve(),
            arguments.out.resolve(),
            outer=arguments.outer,
            inner=arguments.inner,
            settings=arguments.settings or EXPERIMENT,
        )
    )
