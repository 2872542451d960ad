"""One run of a sweep and what came of it.

The choice of a search, which needs a sweep.

A failed run of a sweep says so at once.
"""

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


def refuse_single_run() -> None:
    """Refuse a search without `-m`, which Hydra would take for one ordinary run.

    Raises:
        InputError: The search's sweeper is configured, and this is a single run.
    """
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.RUN and hydra.sweeper.get("_target_") == TPE:
        raise InputError("hparams_search=tpe: a search is a sweep; add -m, or leave it out.")


# of metrics.json: not figures of a split
NO_FIGURES = ("versions",)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run of a sweep.

    Attributes:
        number: The job's number.
        overrides: Its settings as typed, by key.
        folder: Its run folder.
        objective: What the run gave, the validation AUC; None where it failed, or only prepared.
        error: What it failed of, where it failed in this process's sweep.
        reason: The same in one line.
    """

    number: int
    overrides: dict[str, str]
    folder: Path
    objective: float | None = None
    error: Exception | None = field(default=None, compare=False)
    reason: str = ""


def trial_of(number: int, overrides: Iterable[str], *, folder: Path, job: JobReturn) -> Trial:
    """Read a finished job, whatever came of it.

    Args:
        number: The job's number.
        overrides: `key=value`.
        folder: Its run folder.
        job: As a launcher gives it.
    """
    settings = split_overrides(overrides)
    try:
        value = job.return_value
    except Exception as error:
        return Trial(
            number=number, overrides=settings, folder=folder, error=error, reason=one_line(error)
        )
    if value is None:
        return Trial(number=number, overrides=settings, folder=folder)
    number_given = isinstance(value, int | float) and not isinstance(value, bool)
    if number_given and math.isfinite(value):
        return Trial(number=number, overrides=settings, folder=folder, objective=float(value))
    error = InputError(f"the objective is {value}, not a number.")
    return Trial(
        number=number, overrides=settings, folder=folder, error=error, reason=one_line(error)
    )


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """Part `key=value`; `~key` has no value."""
    return {key: value for key, _, value in (one.partition("=") for one in overrides)}


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) and text else f"{type(error).__name__}: {text}"


def best_first(trials: Iterable[Trial]) -> list[Trial]:
    """Order the trials that have a result from the best; equals stay in the order of their jobs."""
    found = [trial for trial in trials if trial.objective is not None]
    return sorted(found, key=lambda trial: (-trial.objective, trial.number))


def failed(trials: Iterable[Trial]) -> list[Trial]:
    """Those that failed, in the order of their jobs."""
    return sorted((trial for trial in trials if trial.reason), key=lambda trial: trial.number)


def varied_keys(trials: Iterable[Trial]) -> list[str]:
    """The keys whose value is not the same in all trials, in the order typed."""
    overrides = [trial.overrides for trial in trials]
    keys = list(dict.fromkeys(key for one in overrides for key in one))
    return [key for key in keys if len({one.get(key) for one in overrides}) > 1]


def read_figures(folder: Path) -> dict[str, float]:
    """Read the numbers of a run's metrics.json, `test_auc` and so on; none where there is none.

    An interval `auc_ci95` becomes `auc_ci95_low` and `auc_ci95_high`.
    """
    file = folder / "metrics.json"
    if not file.exists():
        return {}
    found: dict[str, float] = {}
    for split, values in json.loads(file.read_text(encoding="utf-8")).items():
        if not isinstance(values, dict) or split in NO_FIGURES:
            continue
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[f"{split}_{name}"] = value
            elif isinstance(value, list) and len(value) == 2 and None not in value:
                found[f"{split}_{name}_low"], found[f"{split}_{name}_high"] = value
    return found


class ReportFailure(Callback):
    """Tells a sweep's failed run in one line and keeps its traceback as error.txt in its folder.

    It runs where the run does: a launcher's workers bring back the error, but not its traceback.
    """

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Tell and keep what went wrong, if anything did."""
        if config.hydra.mode != RunMode.MULTIRUN or job_return.status is not JobStatus.FAILED:
            return
        error = job_return._return_value  # its property raises it
        file = Path(config.hydra.runtime.output_dir) / "error.txt"
        write_text(file, "".join(traceback.format_exception(error)))
        print(f"job {config.hydra.job.num} failed: {one_line(error)}", file=sys.stderr, flush=True)
