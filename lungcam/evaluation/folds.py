"""Run folders of the folds of a cross-validation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write
from scipy.special import logit

from lungcam.cohorts.csv_rows import read_rows
from lungcam.metrics import ScoredSamples
from lungcam.runtime.atomic import write_text
from lungcam.tasks.predictions import BASELINE


@contextmanager
def redirect_outputs(folder: Path) -> Iterator[None]:
    """Set `${hydra:runtime.output_dir}` to another folder, so that a run writes there."""
    runtime = HydraConfig.get().runtime
    outer = runtime.output_dir
    with read_write(runtime):
        runtime.output_dir = str(folder)
    try:
        yield
    finally:
        with read_write(runtime):
            runtime.output_dir = outer


def write_config(folder: Path, config: DictConfig) -> None:
    """Write a fold's configuration to the place that it has in a run folder."""
    write_text(folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(config))


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


def sibling_runs(folder: Path) -> list[Path]:
    """Return finished runs of the same recipe: the same fold with other seeds, or else other folds.

    Args:
        folder: Run folder; it has siblings only if it is that of a fold.
    """
    match = re.fullmatch(r"(?P<seed>seed_\d+_)?(?P<fold>fold_\d+)", folder.name)
    if match is None:
        return []
    pattern = f"seed_*_{match['fold']}" if match["seed"] else "fold_*"
    return [
        path
        for path in sorted(folder.parent.glob(pattern))
        if path != folder and (path / "metrics.json").is_file()
    ]
