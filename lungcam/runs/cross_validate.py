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

from lungcam import RESEARCH_USE_ONLY
from lungcam.config.early_checks import checked_train_nodes
from lungcam.config.instantiate import composed_targets
from lungcam.errors import InputError
from lungcam.evaluation.folds import redirect_outputs, write_config
from lungcam.evaluation.track_record import POOLED, score_record
from lungcam.report.cross_validation_page import FoldResult, cross_validation_page
from lungcam.report.page import write_page
from lungcam.runs.run_folder import own_run_folder, typed_overrides
from lungcam.runs.train import train
from lungcam.runtime.atomic import write_json, write_table
from lungcam.runtime.command_line import command_line
from lungcam.runtime.distributed import rank
from lungcam.runtime.versions import versions
from lungcam.tasks import Task, task_named
from lungcam.training.checkpoint import add_metadata
from lungcam.training.own_run import seal_code


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
        Mean over the folds of the validation's score (see `Task.score`), for sweeps to maximise.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    runs = _fold_runs(config, folder)
    with own_run_folder(folder, resumed=bool(config.resume)):
        return _cross_validate(config, folder, runs=runs)


def _cross_validate(config: DictConfig, folder: Path, *, runs: Sequence[FoldRun]) -> float:
    """Train the folds that are not finished, and pool them."""
    if not config.resume and rank() == 0:
        seal_code(folder, checked_train_nodes(config))
    for run in runs:
        if config.resume and (run.folder / "metrics.json").is_file():
            continue
        print(f"\n{run.folder.name.replace('_', ' ')} of {config.cv.folds}")
        _train_fold(config, run)
    if rank() > 0:
        return math.nan  # rank zero reports
    fold_metrics = [json.loads((run.folder / "metrics.json").read_text()) for run in runs]
    task = task_named(config.task, allowed=composed_targets()).restored(
        fold_metrics[0].get("task", {})
    )
    label_rule = fold_metrics[0]["label_rule"]
    by_seed: dict[int, list[Path]] = {run.seed: [] for run in runs}
    for run in runs:
        by_seed[run.seed].append(run.folder)
    pooled = task.pool(list(by_seed.values()), label_rule=label_rule, seed=config.seed)
    metrics = {
        "test": pooled.figures,
        "score": task.score,
        "label_rule": label_rule,
        "cohort_notes": fold_metrics[0]["cohort_notes"],
        "rules": pooled.rules,
        "folds": config.cv.folds,
        "seeds": list(by_seed),
        "seed": config.seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    if pooled.columns:
        write_table(folder / "predictions.csv", pooled.columns, rows=pooled.rows)
    _write_report(config, folder, metrics=metrics, runs=runs, task=task)
    if "n" in pooled.figures:
        _add_score(runs, score_record(task, pooled.figures, folds=config.cv.folds))
    write_json(folder / "metrics.json", metrics)
    lines = ["", *pooled.lines, f"a net for each fold: {folder}", RESEARCH_USE_ONLY]
    print("\n".join(lines))
    print(f"report: {folder / 'report.html'}")
    return float(np.mean([fold["val"][task.score] for fold in fold_metrics]))


def _write_report(
    config: DictConfig,
    folder: Path,
    *,
    metrics: Mapping[str, Any],
    runs: Sequence[FoldRun],
    task: Task,
) -> None:
    """Write report.html."""
    folds = [
        FoldResult(
            name=run.folder.name, metrics=json.loads((run.folder / "metrics.json").read_text())
        )
        for run in runs
    ]
    page = cross_validation_page(
        folder.name,
        metrics,
        folds=folds,
        score=task.score,
        score_name=task.score_name,
        command=command_line(typed_overrides(folder), seed=config.seed),
    )
    write_page(folder / "report.html", page)


def _add_score(runs: Sequence[FoldRun], score: Mapping[str, Any]) -> None:
    """Add the pooled score to the checkpoint of each fold."""
    for run in runs:
        best = run.folder / "checkpoints" / "best.ckpt"
        # the user may have deleted it to make room
        if best.is_file():
            add_metadata(best, **{POOLED: dict(score)})


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
