"""Runs of a sweep: their settings and results, and the handling of a failed one."""

import errno
import json
import math
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text

TPE = "hydra_plugins.lungcam_sweepers.Tpe"
# parts of metrics.json that are not the metrics of a split
NOT_METRICS = ("versions", "task")
# score of runs of earlier versions
AUC = "auc"
SCORE_NAMES = {AUC: "AUC", "auc_macro": "macro AUC", "r2": "R²"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run of a sweep.

    Attributes:
        number: Number of the job.
        overrides: Settings as typed, by key.
        folder: Run folder.
        objective: Return value of the run, the score on validation; None if it failed or only
            prepared.
        error: Cause of the failure, if it failed in this process's sweep.
        reason: The same in one line.
    """

    number: int
    overrides: dict[str, str]
    folder: Path
    objective: float | None = None
    error: Exception | None = field(default=None, compare=False)
    reason: str = ""


class ReportFailure(Callback):
    """Hydra callback that prints one line for a sweep's failed run and keeps its traceback.

    The traceback goes into error.txt in the run folder. The callback runs in the process of the
    run: a launcher's workers return the error without its traceback.
    """

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print and store the error of a failed job."""
        if config.hydra.mode != RunMode.MULTIRUN or job_return.status is not JobStatus.FAILED:
            return
        error = job_return._return_value  # its property raises it
        file = Path(config.hydra.runtime.output_dir) / "error.txt"
        write_text(file, "".join(traceback.format_exception(error)))
        print(f"job {config.hydra.job.num} failed: {one_line(error)}", file=sys.stderr, flush=True)


def refuse_single_run() -> None:
    """Refuse a search without `-m`, which Hydra would take for one ordinary run.

    Raises:
        InputError: The search's sweeper is configured, and this is a single run.
    """
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.RUN and hydra.sweeper.get("_target_") == TPE:
        raise InputError("hparams_search=tpe: a search is a sweep; add -m, or leave it out.")


def trial_of(number: int, overrides: Iterable[str], *, folder: Path, job: JobReturn) -> Trial:
    """Return the trial of a finished job, successful or failed.

    Args:
        number: Number of the job.
        overrides: `key=value` each.
        folder: Run folder.
        job: Result of the launcher.
    """
    objective = error = None
    try:
        value = job.return_value
    except Exception as raised:
        error = raised
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(value):
            objective = float(value)
        elif value is not None:
            error = InputError(f"the objective is {value}, not a number.")
    return Trial(
        number=number,
        overrides=split_overrides(overrides),
        folder=folder,
        objective=objective,
        error=error,
        reason="" if error is None else one_line(error),
    )


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """Split `key=value` into key and value; `~key` has an empty value."""
    return {key: value for key, _, value in (text.partition("=") for text in overrides)}


def one_line(error: Exception) -> str:
    """Return the message of an error in one line, with its type unless it is an InputError."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) and text else f"{type(error).__name__}: {text}"


def lacks_space(error: BaseException | None) -> bool:
    """Return True if a disk was full, whatever was raised because of it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def best_first(trials: Iterable[Trial]) -> list[Trial]:
    """Sort the trials that have a result, best first; ties stay in the order of their jobs."""
    done = [trial for trial in trials if trial.objective is not None]
    return sorted(done, key=lambda trial: (-trial.objective, trial.number))


def failed(trials: Iterable[Trial]) -> list[Trial]:
    """Return the failed trials, in the order of their jobs."""
    return sorted((trial for trial in trials if trial.reason), key=lambda trial: trial.number)


def varied_keys(trials: Iterable[Trial]) -> list[str]:
    """Return the keys that have different values in different trials, in the order typed."""
    settings = [trial.overrides for trial in trials]
    keys = list(dict.fromkeys(key for overrides in settings for key in overrides))
    return [key for key in keys if len({overrides.get(key) for overrides in settings}) > 1]


def read_score(trials: Iterable[Trial]) -> str:
    """Return the key of the score by which runs are compared, as the first of them names it."""
    for trial in trials:
        file = trial.folder / "metrics.json"
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8")).get("score", AUC)
    return AUC


def score_name(key: str) -> str:
    """Return the name of a score in words."""
    return SCORE_NAMES.get(key, key.replace("_", " "))


def read_figures(folder: Path) -> dict[str, float]:
    """Read the numbers in a run's metrics.json as `test_auc` and so on; empty without the file.

    An interval `auc_ci95` becomes `auc_ci95_low` and `auc_ci95_high`.
    """
    file = folder / "metrics.json"
    if not file.exists():
        return {}
    figures: dict[str, float] = {}
    for split, values in json.loads(file.read_text(encoding="utf-8")).items():
        if not isinstance(values, dict) or split in NOT_METRICS:
            continue
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                figures[f"{split}_{name}"] = value
            elif isinstance(value, list) and len(value) == 2 and None not in value:
                figures[f"{split}_{name}_low"], figures[f"{split}_{name}_high"] = value
    return figures
