"""Comparison of two runs on the same samples: `python -m lungcam compare RUN_A RUN_B`."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.cli.app import DONE
from lungcam.errors import InputError
from lungcam.metrics import INTERVAL_RULE, PAIRED_RULE, auc_interval, paired_difference
from lungcam.metrics.resampling import json_interval, json_number
from lungcam.metrics.summary import p_value, with_interval
from lungcam.runtime.atomic import write_json
from lungcam.runtime.written import keep_record, open_record

COLUMNS = ("sample_id", "patient_id", "split", "label", "probability")


@dataclass(frozen=True)
class Prediction:
    """One row of predictions.csv."""

    patient: str
    label: int
    probability: float


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Compare two runs, print the result, and return the exit code.

    Args:
        paths: Two run folders, or their predictions.csv.
        settings: `split`; `out`, the folder for compare.json.
    """
    if len(paths) != 2:
        raise InputError("compare: name two runs: python -m lungcam compare RUN_A RUN_B")
    first, second = paths
    out = Path(settings.get("out", ""))
    if "out" in settings:
        open_record(out).refuse_foreign([out / "compare.json"])
    comparison = compare(first, second, split=settings.get("split", "test"))
    if "out" in settings:
        keep_record(out)
        write_json(out / "compare.json", comparison)
    print(_describe(comparison, first, second))
    return DONE


def compare(first: Path, second: Path, *, split: str = "test") -> dict[str, Any]:
    """Compare two runs' AUCs by a paired bootstrap over patients.

    Probabilities are compared: within one run they rank as its logits do, and in a
    cross-validation, where each fold has its own calibration, they share one scale.

    Args:
        first: A run folder, or its predictions.csv; of one training or of a cross-validation.
        second: Another, with samples in common.
        split: Split of the samples.

    Returns:
        Content of compare.json.

    Raises:
        InputError: A file is at fault, no sample is in both, or labels differ.
    """
    runs = [read_predictions(run, split) for run in (first, second)]
    ids = [name for name in runs[0] if name in runs[1]]
    if not ids:
        raise InputError(f"{second}: shares no {split} sample with {first}; split both runs alike.")
    pairs = [(runs[0][name], runs[1][name]) for name in ids]
    for name, (a, b) in zip(ids, pairs, strict=True):
        if a.label != b.label:
            raise InputError(
                f"{second}: sample {name} has label {b.label}, but {a.label} in {first}; "
                "compare runs with one label rule."
            )
    labels = np.array([a.label for a, _ in pairs])
    if labels.min() == labels.max():
        raise InputError(f"{first}: all {len(ids)} shared {split} samples have label {labels[0]}.")
    patients = np.array([a.patient for a, _ in pairs])
    scores = [np.array([pair[i].probability for pair in pairs]) for i in range(2)]
    paired = paired_difference(labels, scores[0], other_scores=scores[1], patients=patients)
    intervals = [json_interval(auc_interval(labels, score, patients=patients)) for score in scores]
    return {
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
        "label_rule": _label_rule(first),
        "rules": {"auc_ci95": INTERVAL_RULE, "difference": PAIRED_RULE},
        "notice": RESEARCH_USE_ONLY,
    }


def read_predictions(run: Path, split: str) -> dict[str, Prediction]:
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
        raise InputError(
            f"{file}: no column {', '.join(missing)}; give one that train.py wrote with "
            "task=malignancy or task=risk."
        )
    predictions: dict[str, Prediction] = {}
    for line, row in enumerate(rows, 2):
        if row["split"] != split:
            continue
        prediction = _prediction(row, where=f"{file}: line {line}")
        if row["sample_id"] in predictions:
            raise InputError(f"{file}: sample {row['sample_id']} stands twice in {split}.")
        predictions[row["sample_id"]] = prediction
    if not predictions:
        splits = ", ".join(sorted({row["split"] or "" for row in rows}))
        raise InputError(f"{file}: no sample of split={split}; it has {splits}.")
    return predictions


def _prediction(row: Mapping[str, str], *, where: str) -> Prediction:
    """Parse a row of predictions.csv."""
    try:
        prediction = Prediction(row["patient_id"], int(row["label"]), float(row["probability"]))
    except (TypeError, ValueError):
        prediction = None
    if prediction is None or prediction.label not in (0, 1) or not 0 <= prediction.probability <= 1:
        raise InputError(f"{where} has no label or probability; train again.")
    return prediction


def _label_rule(run: Path) -> str | None:
    """Return the meaning of label 1 in a run, if its metrics.json is there."""
    file = (run if run.is_dir() else run.parent) / "metrics.json"
    try:
        return json.loads(file.read_text(encoding="utf-8")).get("label_rule")
    except (OSError, ValueError, AttributeError):
        return None


def _describe(comparison: Mapping[str, Any], *runs: Path) -> str:
    lines = [
        f"{comparison['n']} {comparison['split']} samples of {comparison['n_patients']} patients "
        f"are in both, {comparison['n_positive']} positive ({comparison['only_in_first']} only in "
        f"the first run, {comparison['only_in_second']} only in the second)"
    ]
    if comparison["label_rule"]:
        lines.append(f"  label rule: {comparison['label_rule']}")
    for path, name in zip(runs, ("first", "second"), strict=True):
        values = comparison[name]
        lines.append(f"AUC {with_interval(values['auc'], values['auc_ci95'])}: {path}")
    difference = with_interval(comparison["difference"], comparison["difference_ci95"], sign="+")
    lines += [f"first less second: {difference}, {p_value(comparison['p'])}", RESEARCH_USE_ONLY]
    return "\n".join(lines)
