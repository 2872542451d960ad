"""Run folder of a training: what an earlier start wrote is replaced, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from lungcam.runtime.atomic import clear_unfinished, is_temporary
from lungcam.runtime.distributed import rank
from lungcam.runtime.lock import locked
from lungcam.runtime.written import keep_record, open_record

# files that a training writes, see docs/reference.md
FILES = (
    "samples.csv",
    "quality.csv",
    "masks.html",
    "splits.csv",
    "predictions.csv",
    "risks.csv",
    "erased.csv",
    "metrics.json",
    "localisation.json",
    "localisation.csv",
    "candidates.csv",
    "report.html",
    "curves.csv",
    "explanation.json",
    "loggers.json",
    "checkpoints/*",
    "figures/*",
    "cam/*/*",
)
# a run folder has folders below: cam/<sample_id>/
DEPTH = 2
RESUME = "resume="


@contextmanager
def own_run_folder(folder: Path, *, resumed: bool) -> Iterator[None]:
    """Write into a run folder during the block, as its only process, or as one of several ranks.

    Args:
        folder: The folder; it is made.
        resumed: True if a run is continued; one of an earlier version has no record and gets none.

    Raises:
        InputError: Another process writes into it, or a file is in the way that lungcam has not
            written.
    """
    if rank() > 0:
        yield
        return
    with locked(folder, key="hydra.run.dir"):
        _claim(folder, resumed=resumed)
        yield


def _claim(folder: Path, *, resumed: bool) -> None:
    """Delete what a killed process left unfinished, refuse other files, and begin the record."""
    clear_unfinished(folder)
    if resumed and not open_record(folder).file.exists():
        return
    files = [file for pattern in FILES for file in folder.glob(pattern) if not is_temporary(file)]
    keep_record(folder, depth=DEPTH).refuse_foreign(files)


def typed_overrides(folder: Path) -> list[str]:
    """Return the settings with which a run was begun, also where it is continued."""
    overrides = [str(override) for override in HydraConfig.get().overrides.task]
    first = folder / ".hydra" / "overrides.yaml"
    if first.is_file() and any(text.lstrip("+").startswith(RESUME) for text in overrides):
        return [str(override) for override in OmegaConf.load(first)]
    return overrides
