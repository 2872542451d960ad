"""Two runs on the same samples: which is better, and by how much."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.errors import InputError
from lungcam.metrics import INTERVAL_RULE, PAIRED_RULE, auc_interval, paired_difference
from lungcam.metrics.resampling import json_interval, json_number
from lungcam.metrics.summary import p_value, with_interval
from lungcam.runtime.atomic import write_text

COLUMNS = ("sample_id", "patient_id", "split", "label", "probability")


@dataclass(frozen=True)
class Answer:
    """One row of predictions.csv."""

    patient: str
    label: int
    probability: float


def compare(
    first: Path, second: Path, split: str = "test", out: Path | None = None
) -> dict[str, object]:
    """Compare two runs' AUCs by a paired bootstrap over patients, and print it.

    Probabilities are compared: within one run they rank as its logits do, and in a
    cross-validation, whose folds are calibrated each by itself, they stand on one scale.

    Args:
        first: A run folder, or its predictions.csv; of one training or of a cross-validation.
        second: Another, with samples in common.
        split: Which samples.
        out: Folder for compare.json; None writes nothing.

    Returns:
        What stands in compare.json.

    Raises:
        InputError: A file is at fault, there is no sample in both, or labels differ.
    """
    runs = [read_answers(run, split) for run in (first, second)]
    ids = [name for name in runs[0] if name in runs[1]]
    if not ids:
        raise InputError(f"{second}: shares no {split} sample with {first}; split both runs alike.")
    one, two = ([run[name] for name in ids] for run in runs)
    for name, a, b in zip(ids, one, two, strict=True):
        if a.label != b.label:
            raise InputError(
                f"{second}: sample {name} has label {b.label}, but {a.label} in {first}; "
                "compare runs with one label rule."
            )
    labels = np.array([answer.label for answer in one])
    if labels.min() == labels.max():
        raise InputError(f"{first}: all {len(ids)} shared {split} samples have label {labels[0]}.")
    patients = np.array([answer.patient for answer in one])
    scores = [np.array([answer.probability for answer in run]) for run in (one, two)]
    paired = paired_difference(labels, scores[0], other_scores=scores[1], patients=patients)
    intervals = [json_interval(auc_interval(labels, score, patients=patients)) for score in scores]
    found = {
        "split": split,
        "n": len(ids),
        "n_positive": int(labels.sum()),
        "n_patients": len(set(patients)),
        "only_in_first": len(runs[0]) - len(ids),
        "only_in_second": len(runs[1]) - len(ids),
        "first": {"run": first.name, "auc": paired.auc, "auc_ci95": intervals[0]},
        "second": {"run": second.name, "auc": paired.other_auc, "auc_ci95": intervals[1]},
        "difference": paired.difference,
        "difference_ci95": json_interval((paired.low, paired.high)),
        "p": json_number(paired.p),
        "label_rule": label_rule(first),
        "rules": {"auc_ci95": INTERVAL_RULE, "difference": PAIRED_RULE},
        "notice": RESEARCH_USE_ONLY,
    }
    if out is not None:
        write_text(out / "compare.json", json.dumps(found, indent=2) + "\n")
    print(_describe(found, first, second=second))
    return found


def read_answers(run: Path, split: str) -> dict[str, Answer]:
    """Read one split of a run's predictions.csv, by sample_id.

    Raises:
        InputError: There is no such table or split, or a row is at fault.
    """
    file = run / "predictions.csv" if run.is_dir() else run
    if not file.is_file():
        raise InputError(f"{run}: no predictions.csv in it; give a folder that train.py wrote.")
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    missing = [name for name in COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise InputError(f"{file}: no column {', '.join(missing)}; give one that train.py wrote.")
    answers: dict[str, Answer] = {}
    for line, row in enumerate(rows, 2):
        if row["split"] != split:
            continue
        try:
            answer = Answer(row["patient_id"], int(row["label"]), float(row["probability"]))
        except (TypeError, ValueError):
            answer = None
        if answer is None or answer.label not in (0, 1) or not 0 <= answer.probability <= 1:
            raise InputError(f"{file}: line {line} has no label or probability; train again.")
        if row["sample_id"] in answers:
            raise InputError(f"{file}: sample {row['sample_id']} stands twice in {split}.")
        answers[row["sample_id"]] = answer
    if not answers:
        splits = ", ".join(sorted({row["split"] or "" for row in rows}))
        raise InputError(f"{file}: no sample of split={split}; it has {splits}.")
    return answers


def label_rule(run: Path) -> str | None:
    """What label 1 means in a run, if its metrics.json is there."""
    file = (run if run.is_dir() else run.parent) / "metrics.json"
    try:
        return json.loads(file.read_text(encoding="utf-8")).get("label_rule")
    except (OSError, ValueError, AttributeError):
        return None


def _describe(found: dict, first: Path, *, second: Path) -> str:
    lines = [
        f"{found['n']} {found['split']} samples of {found['n_patients']} patients are in both, "
        f"{found['n_positive']} positive ({found['only_in_first']} only in the first run, "
        f"{found['only_in_second']} only in the second)"
    ]
    if found["label_rule"]:
        lines.append(f"  label rule: {found['label_rule']}")
    for path, one in ((first, found["first"]), (second, found["second"])):
        lines.append(f"AUC {with_interval(one['auc'], one['auc_ci95'])}: {path}")
    difference = with_interval(found["difference"], found["difference_ci95"], sign="+")
    lines += [f"first less second: {difference}, {p_value(found['p'])}", RESEARCH_USE_ONLY]
    return "\n".join(lines)
