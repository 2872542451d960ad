"""Track record of a net: what it has learnt from, and its scores on scans that it had not seen.

Both travel with the checkpoint, so that an answer never stands without them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lungcam.cohorts import Cohort, Sample
from lungcam.data.scan_traits import KERNELS, trait_ranges
from lungcam.errors import plain_text
from lungcam.tasks import Task

# keys of a checkpoint's metadata
TRAINING, TEST, POOLED = "training", "tested", "cross_validated"
# a name in a checkpoint, which may come from anyone
LONGEST_NAME = 60
OWN_TABLE = "an own table"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Score of a single feature on the samples of a net's test.

    Attributes:
        name: Name of the feature, such as diameter.
        value: Its score.
        ci95: Its 95 % interval, or None.
    """

    name: str
    value: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class NetScore:
    """Score on samples that a net had not seen.

    Attributes:
        name: Name of the score, such as AUC.
        value: The score; None if it could not be computed.
        ci95: Its 95 % interval; None of a score without.
        n: Number of samples.
        n_positive: Number of samples of label 1; None without such a label.
        folds: Number of folds with pooled tests; None for a single test.
        baseline: The best single feature on the same samples; None where none is known.
    """

    name: str
    value: float | None
    ci95: tuple[float, float] | None
    n: int
    n_positive: int | None = None
    folds: int | None = None
    baseline: Baseline | None = None

    @property
    def sentence(self) -> str:
        """Score in a sentence."""
        positive = "" if self.n_positive is None else f", {self.n_positive} of them positive"
        unseen = (
            f"In a cross-validation of {self.folds} folds, on {self.n} samples that each net had "
            f"not seen{positive}"
            if self.folds
            else f"On {self.n} samples that it had not seen{positive}"
        )
        if self.value is None:
            return f"{unseen}: no {self.name} could be computed."
        score = f"{unseen}: {self.name} {_figure(self.value, self.ci95)}"
        if self.baseline is not None:
            alone = _figure(self.baseline.value, self.baseline.ci95)
            score += f"; {self.baseline.name} alone has {alone}"
        return f"{score}."

    @property
    def is_chance(self) -> bool:
        """True of an AUC with an interval that includes 0.5, or without an interval."""
        if self.name != "AUC" or self.value is None:
            return False
        return self.ci95 is None or self.ci95[0] <= 0.5


@dataclass(frozen=True, kw_only=True)
class TrackRecord:
    """Training of a net, and its scores.

    Attributes:
        cohort: Name of the data set.
        synthetic: True if it has seen phantoms alone.
        n: Number of training samples; None of a checkpoint that does not say.
        n_positive: Number of training samples of label 1; None without such a label.
        n_patients: Number of people in training.
        inputs: Ranges of the scans' traits, from `lungcam.data.scan_traits.trait_ranges`.
        tested: Score on the test split, or None.
        pooled: Score of the cross-validation that the net comes from, or None.
    """

    cohort: str = ""
    synthetic: bool = False
    n: int | None = None
    n_positive: int | None = None
    n_patients: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    tested: NetScore | None = None
    pooled: NetScore | None = None

    @property
    def score(self) -> NetScore | None:
        """Score of the cross-validation, else that of the test split."""
        return self.pooled or self.tested

    @property
    def training_sentence(self) -> str:
        """Training set in a sentence."""
        if self.n is None:
            return "The checkpoint does not say what it was trained on."
        positive = "" if self.n_positive is None else f", {self.n_positive} of them positive"
        people = f" of {self.n_patients} people" if self.n_patients else ""
        if self.synthetic:
            return f"Trained on {self.n} computer-made chests (phantoms){positive}."
        return f"Trained on {self.n} samples{people} from {self.cohort or OWN_TABLE}{positive}."


def training_record(
    cohort: Cohort,
    splits: Mapping[str, Sequence[Sample]],
    *,
    traits: Mapping[str, Mapping[str, Any]],
    synthetic: bool,
) -> dict[str, Any]:
    """Return what a checkpoint says of its training, as plain values.

    Args:
        cohort: The cohort.
        splits: Samples of `train` and `val`.
        traits: Known traits of the samples' scans, by sample_id.
        synthetic: True if all of them are phantoms.
    """
    train = splits["train"]
    labels = [sample.label for sample in train if sample.label is not None]
    seen = [*train, *splits["val"]]
    binary = bool(labels) and not cohort.classes and cohort.quantity is None
    return {
        "cohort": cohort.name,
        "synthetic": synthetic,
        "n": len(train),
        "n_positive": int(sum(labels)) if binary else None,
        "n_patients": len({sample.patient_id for sample in train}),
        "inputs": trait_ranges(traits.get(sample.sample_id, {}) for sample in seen),
    }


def score_record(task: Task, figures: Mapping[str, Any], *, folds: int | None = None) -> dict:
    """Return what a checkpoint says of its test, as plain values.

    Args:
        task: The task, which names the score.
        figures: Figures of the test split, or those of pooled folds.
        folds: Number of pooled folds.
    """
    value = figures.get(task.score)
    positive = figures.get("n_positive")
    # a checkpoint holds plain numbers alone
    return {
        "name": task.score_name,
        "value": float(value) if _is_finite(value) else None,
        "ci95": _plain_interval(figures.get(f"{task.score}_ci95")),
        "n": int(figures.get("n", 0)),
        "n_positive": None if positive is None else int(positive),
        "folds": folds,
        "baseline": _baseline_record(figures),
    }


def _baseline_record(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the single feature with the highest AUC, as plain values; None without one."""
    features = {
        name: comparison
        for name, comparison in figures.get("against_baselines", {}).items()
        if _is_finite(comparison.get("baseline_auc"))
    }
    if not features:
        return None
    name = max(features, key=lambda name: features[name]["baseline_auc"])
    return {
        "name": name,
        "value": float(features[name]["baseline_auc"]),
        "ci95": _plain_interval(features[name]["baseline_auc_ci95"]),
    }


def _plain_interval(interval: Sequence[float | None] | None) -> list[float] | None:
    """Return an interval as plain numbers; None unless both ends are known."""
    ends = [float(end) for end in interval or () if _is_finite(end)]
    return ends if len(ends) == 2 else None


def read_track_record(metadata: Mapping[str, Any]) -> TrackRecord:
    """Read the track record of a checkpoint; that of an earlier version is empty.

    Args:
        metadata: Checked by `lungcam.training.checkpoint_schema.check_schema`.
    """
    training = metadata.get(TRAINING) or {}
    inputs = dict(training.get("inputs") or {})
    if KERNELS in inputs:
        inputs[KERNELS] = [_name(kernel) for kernel in inputs[KERNELS]]
    return TrackRecord(
        cohort=_name(training.get("cohort") or ""),
        synthetic=bool(training.get("synthetic")),
        n=training.get("n"),
        n_positive=training.get("n_positive"),
        n_patients=training.get("n_patients"),
        inputs=inputs,
        tested=_score(metadata.get(TEST)),
        pooled=_score(metadata.get(POOLED)),
    )


def joint_record(records: Sequence[TrackRecord]) -> TrackRecord:
    """Return the track record of several nets as one.

    Ranges span those of all nets, and counts are the smallest; a score is kept if all nets share
    it, as those of a cross-validation do.
    """
    first = records[0]
    if len(records) == 1:
        return first
    counts = {
        name: _least(getattr(record, name) for record in records)
        for name in ("n", "n_positive", "n_patients")
    }
    names = list(dict.fromkeys(record.cohort or OWN_TABLE for record in records))
    return TrackRecord(
        cohort=", ".join(names),
        synthetic=any(record.synthetic for record in records),
        inputs=_joint_ranges([record.inputs for record in records]),
        tested=_shared([record.tested for record in records]),
        pooled=_shared([record.pooled for record in records]),
        **counts,
    )


def _joint_ranges(all_inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ranges that hold those of every net; a trait that a net does not know has none."""
    names = [name for name in all_inputs[0] if all(name in inputs for inputs in all_inputs)]
    ranges: dict[str, Any] = {}
    for name in names:
        each = [inputs[name] for inputs in all_inputs]
        if name == KERNELS:
            ranges[name] = list(dict.fromkeys(kernel for kernels in each for kernel in kernels))
        else:
            ranges[name] = [min(low for low, _ in each), max(high for _, high in each)]
    return ranges


def _least(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return None if None in known else min(known)


def _shared(scores: Sequence[NetScore | None]) -> NetScore | None:
    return scores[0] if all(score == scores[0] for score in scores) else None


def _score(values: Mapping[str, Any] | None) -> NetScore | None:
    if not values:
        return None
    return NetScore(
        name=_name(values["name"]),
        value=values.get("value"),
        ci95=_read_interval(values),
        n=values["n"],
        n_positive=values.get("n_positive"),
        folds=values.get("folds"),
        baseline=_read_baseline(values.get("baseline")),
    )


def _read_baseline(values: Mapping[str, Any] | None) -> Baseline | None:
    if not values:
        return None
    return Baseline(name=_name(values["name"]), value=values["value"], ci95=_read_interval(values))


def _read_interval(values: Mapping[str, Any]) -> tuple[float, float] | None:
    interval = values.get("ci95")
    return None if interval is None else tuple(interval)


def _figure(value: float, ci95: tuple[float, float] | None) -> str:
    """Format a value with its interval."""
    text = f"{value:.3f}"
    if ci95 is not None:
        text += f" ({ci95[0]:.3f} to {ci95[1]:.3f})"
    return text.replace("-", "\u2212")


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _name(text: str) -> str:
    return plain_text(text)[:LONGEST_NAME]
