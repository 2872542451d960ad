"""Cross-validation of a label of 0 and 1: predictions of all folds, pooled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from lungcam.cohorts.csv_rows import read_rows
from lungcam.metrics import POOLED_RULE, RULES, ScoredSamples, pool_folds, pool_seeds
from lungcam.metrics.cross_validation import average_seeds, pool
from lungcam.metrics.summary import summarise_ranking, with_interval
from lungcam.tasks.baselines import baseline_lines
from lungcam.tasks.pooling import Pooled
from lungcam.tasks.predictions import BASELINE

# range of diameters in mm within which size says little, and a net is needed
MIDDLE_MM = (6, 15)


def pool_labels(seeds: Sequence[Sequence[Path]], *, label_rule: str, seed: int) -> Pooled:
    """Pool the folds' predictions of label 1.

    Args:
        seeds: Run folders of the folds, by seed.
        label_rule: Meaning of label 1.
        seed: Seed of the bootstrap.

    Raises:
        InputError: A fold's predictions cannot be read.
    """
    scored = [[read_fold(folder) for folder in folders] for folders in seeds]
    figures = _figures(scored, seed)
    averaged = average_seeds([pool(folds) for folds in scored])
    names = [f"{BASELINE}{name}" for name in averaged.baselines]
    return Pooled(
        figures=figures,
        rules=RULES | {"pooled": POOLED_RULE},
        lines=_describe(figures, label_rule),
        columns=("sample_id", "patient_id", "split", "label", "probability", "logit", *names),
        rows=_rows(averaged),
    )


def read_fold(folder: Path) -> ScoredSamples:
    """Read a finished run's test predictions, on the calibrated scale.

    Raises:
        InputError: predictions.csv cannot be read.
    """
    rows = read_rows(folder / "predictions.csv", ("sample_id", "patient_id", "split", "label"))
    rows = [row for row in rows if row.text("split") == "test"]
    probability = np.array([row.number_in("probability") for row in rows], float)
    names = [name for name in rows[0].values if name.startswith(BASELINE)]
    baselines = {
        name.removeprefix(BASELINE): np.array([row.number_in(name) for row in rows], float)
        for name in names
    }
    return ScoredSamples(
        sample_ids=np.array([row.text("sample_id") for row in rows]),
        labels=np.array([int(row.text("label")) for row in rows]),
        # the table has nine digits: a probability may be written as 0 or 1
        scores=logit(probability.clip(1e-12, 1 - 1e-12)),
        patients=np.array([row.text("patient_id") for row in rows]),
        baselines=baselines,
    )


def _figures(seeds: Sequence[Sequence[ScoredSamples]], seed: int) -> dict[str, Any]:
    """Return the pooled figures, and those of nodules of medium size if diameters are known."""
    figures = pool_seeds(seeds, seed) if len(seeds) > 1 else pool_folds(seeds[0], seed)
    averaged = average_seeds([pool(folds) for folds in seeds])
    diameter = averaged.baselines.get("diameter", np.full(len(averaged.labels), np.nan))
    low, high = MIDDLE_MM
    middle = averaged[(diameter >= low) & (diameter <= high)]
    if len(np.unique(middle.labels)) == 2:
        figures[f"diameter_{low}_to_{high}_mm"] = summarise_ranking(
            middle.labels,
            middle.scores,
            patients=middle.patients,
            baselines={"diameter": middle.baselines["diameter"]},
            seed=seed,
        )
    return figures


def _rows(scored: ScoredSamples) -> list[dict[str, Any]]:
    """Return a row for each sample, as a run has; probability and logit are calibrated."""
    rows = []
    for i in range(len(scored.labels)):
        row = {
            "sample_id": scored.sample_ids[i],
            "patient_id": scored.patients[i],
            "split": "test",
            "label": scored.labels[i],
            "probability": f"{expit(scored.scores[i]):.9g}",
            "logit": f"{scored.scores[i]:.6f}",
        }
        for name in scored.baselines:
            baseline = scored.baselines[name][i]
            row[f"{BASELINE}{name}"] = "" if np.isnan(baseline) else baseline
        rows.append(row)
    return rows


def _describe(test: Mapping[str, Any], label_rule: str) -> list[str]:
    """Return the lines that a cross-validation prints at its end."""
    folds = test["folds"]
    lines = [
        f"AUC of {test['n']} samples in {folds['count']} folds, pooled: "
        f"{with_interval(test['auc'], test['auc_ci95'])}; {test['n_positive']} positive, "
        f"{test['n_patients']} patients",
        f"  by fold: mean {folds['auc_mean']:.3f}, standard deviation {folds['auc_sd']:.3f}",
    ]
    if "seeds" in test:
        seeds = test["seeds"]
        each = ", ".join(f"{auc:.3f}" for auc in seeds["auc"])
        lines[0] += f"; scores averaged over {seeds['count']} seeds"
        lines.insert(
            1,
            f"  by seed: {each}; mean {seeds['auc_mean']:.3f}, standard deviation "
            f"{seeds['auc_sd']:.3f}: the spread of one cross-validation",
        )
    lines.append(f"  label rule: {label_rule}")
    lines += [f"  {line}" for line in baseline_lines(test["against_baselines"])]
    low, high = MIDDLE_MM
    middle = test.get(f"diameter_{low}_to_{high}_mm")
    if middle:
        lines.append(
            f"among {middle['n']} nodules of {low} to {high} mm ({middle['n_positive']} positive): "
            f"AUC {with_interval(middle['auc'], middle['auc_ci95'])}"
        )
        lines += [f"  {line}" for line in baseline_lines(middle["against_baselines"])]
    return lines
