"""Cross-validation: a net for each fold, so that every patient is tested by an unseen net."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from scipy.special import expit

from lungcam import RESEARCH_USE_ONLY
from lungcam.errors import InputError
from lungcam.evaluation.folds import read_fold, redirect_outputs, write_config
from lungcam.metrics import POOLED_RULE, RULES, ScoredSamples, pool_folds, pool_seeds
from lungcam.metrics.cross_validation import average_seeds, pool
from lungcam.metrics.summary import summarise_ranking, with_interval
from lungcam.runs.train import train
from lungcam.runtime.atomic import write_table, write_text
from lungcam.runtime.distributed import rank
from lungcam.runtime.versions import versions
from lungcam.tasks.malignancy import baseline_lines
from lungcam.tasks.predictions import BASELINE

# range of diameters in mm within which size says little, and a net is needed
MIDDLE_MM = (6, 15)


@dataclass(frozen=True)
class FoldRun:
    """One fold of a cross-validation.

    Attributes:
        folder: Its run folder.
        seed: Seed of its training.
        fold: Fold that is its test.
    """

    folder: Path
    seed: int
    fold: int


def cross_validate(config: DictConfig) -> float:
    """Train every fold, once or with several seeds, and pool the predictions of the tests.

    Each fold is a run folder of its own in the run's. Writes predictions.csv, with every sample
    once, and metrics.json. With `resume` a finished fold is not trained again.

    Args:
        config: Composed from conf/train.yaml, with `cv.folds`.

    Returns:
        Mean over the folds of the validation AUC, for sweeps to maximise.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    runs = _fold_runs(config, folder)
    for run in runs:
        if config.resume and (run.folder / "metrics.json").is_file():
            continue
        print(f"\n{run.folder.name.replace('_', ' ')} of {config.cv.folds}")
        _train_fold(config, run)
    if rank() > 0:
        return math.nan  # rank zero reports
    fold_metrics = [json.loads((run.folder / "metrics.json").read_text()) for run in runs]
    scored: dict[int, list[ScoredSamples]] = {run.seed: [] for run in runs}
    for run in runs:
        scored[run.seed].append(read_fold(run.folder))
    metrics = {
        "test": _figures(list(scored.values()), config.seed),
        "label_rule": fold_metrics[0]["label_rule"],
        "cohort_notes": fold_metrics[0]["cohort_notes"],
        "rules": RULES | {"pooled": POOLED_RULE},
        "folds": config.cv.folds,
        "seeds": list(scored),
        "seed": config.seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    averaged = average_seeds([pool(folds) for folds in scored.values()])
    _write_predictions(folder / "predictions.csv", averaged)
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(_describe(metrics, folder))
    return float(np.mean([fold["val"]["auc"] for fold in fold_metrics]))


def _fold_runs(config: DictConfig, folder: Path) -> list[FoldRun]:
    """Return all folds of the first seed, then those of the next ones.

    Raises:
        InputError: A setting is wrong.
    """
    folds, repeats = config.cv.folds, config.cv.repeats
    if not isinstance(folds, int) or isinstance(folds, bool) or folds < 2:
        raise InputError(f"cv.folds={folds}: give a number of folds, 2 or more.")
    if repeats < 1:
        raise InputError(f"cv.repeats={repeats}: give 1 or more.")
    if config.split.manifest is not None:
        raise InputError("split.manifest: a manifest is a single split; leave it out of cv.folds.")
    return [
        FoldRun(
            folder / (f"fold_{fold}" if repeats == 1 else f"seed_{seed}_fold_{fold}"), seed, fold
        )
        for seed in range(config.seed, config.seed + repeats)
        for fold in range(folds)
    ]


def _train_fold(config: DictConfig, run: FoldRun) -> None:
    changes = {
        "split": {"folds": config.cv.folds, "fold": run.fold},
        "cv": {"folds": None},
        "seed": run.seed,
        # a fold that was begun is continued
        "resume": str(run.folder) if config.resume else None,
    }
    fold_config = OmegaConf.merge(config, changes)
    with redirect_outputs(run.folder):
        write_config(run.folder, fold_config)
        train(fold_config)


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


def _write_predictions(file: Path, scored: ScoredSamples) -> None:
    """Write a row for each sample, as a run does; probability and logit are calibrated."""
    columns = ("sample_id", "patient_id", "split", "label", "probability", "logit")
    names = list(scored.baselines)
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
        for name in names:
            baseline = scored.baselines[name][i]
            row[f"{BASELINE}{name}"] = "" if np.isnan(baseline) else baseline
        rows.append(row)
    write_table(file, (*columns, *(f"{BASELINE}{name}" for name in names)), rows=rows)


def _describe(metrics: Mapping[str, Any], folder: Path) -> str:
    """Return the lines that a cross-validation prints at its end."""
    test = metrics["test"]
    folds = test["folds"]
    lines = [
        "",
        f"AUC of {test['n']} samples in {folds['count']} folds, pooled: "
        f"{with_interval(test['auc'], test['auc_ci95'])}; {test['n_positive']} positive, "
        f"{test['n_patients']} patients",
        f"  by fold: mean {folds['auc_mean']:.3f}, standard deviation {folds['auc_sd']:.3f}",
    ]
    if "seeds" in test:
        seeds = test["seeds"]
        each = ", ".join(f"{auc:.3f}" for auc in seeds["auc"])
        lines[1] += f"; scores averaged over {seeds['count']} seeds"
        lines.insert(
            2,
            f"  by seed: {each}; mean {seeds['auc_mean']:.3f}, standard deviation "
            f"{seeds['auc_sd']:.3f}: the spread of one cross-validation",
        )
    lines.append(f"  label rule: {metrics['label_rule']}")
    lines += [f"  {line}" for line in baseline_lines(test["against_baselines"])]
    low, high = MIDDLE_MM
    middle = test.get(f"diameter_{low}_to_{high}_mm")
    if middle:
        lines.append(
            f"among {middle['n']} nodules of {low} to {high} mm ({middle['n_positive']} positive): "
            f"AUC {with_interval(middle['auc'], middle['auc_ci95'])}"
        )
        lines += [f"  {line}" for line in baseline_lines(middle["against_baselines"])]
    lines += [f"a net for each fold: {folder}", RESEARCH_USE_ONLY]
    return "\n".join(lines)
