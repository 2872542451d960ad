"""Training by a call in Python: `lungcam.train(["model=small3d"])`, as `train.py` does it."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lungcam.api.run import Run
from lungcam.cli.app import MULTIRUN, quote_paths
from lungcam.cli.refusals import describe_refusal
from lungcam.cli.streams import safe_streams
from lungcam.cli.train import REWRITES, run_job
from lungcam.config.instantiate import trust_of_one_command
from lungcam.config.paths import TRAIN_PATHS
from lungcam.errors import InputError
from lungcam.runtime.versions import CONFIG_FOLDER

COMMAND = "lungcam train"
FULL_ERROR = "HYDRA_FULL_ERROR"


def train(settings: Sequence[str] = ()) -> Run:
    """Train one net, or a cross-validation, in this process.

    Args:
        settings: Groups and keys as on the command line, `["model=small3d", "data.n=40"]`.

    Returns:
        The run, with its folder, figures and net.

    Raises:
        InputError: A setting or the data is at fault.

    Examples:
        >>> run = lungcam.train(["model=small3d", "data=table", "data.table=scans.csv"])
        >>> run.load().predict("path/to/dicom_folder").probability
    """
    arguments = [settings] if isinstance(settings, str) else list(settings)
    if set(MULTIRUN) & set(arguments):
        raise InputError("lungcam.train: it trains one net; sweep with `lungcam train -m`.")
    folders: list[Path] = []

    @hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")
    def job(config: DictConfig) -> float | None:
        folders.append(Path(HydraConfig.get().runtime.output_dir))
        return run_job(config)

    with _as_command(), _readable_refusals():
        try:
            for rewrite in REWRITES:
                arguments = rewrite(arguments)
        except SystemExit:
            # the run that is to be continued is finished
            return Run(_resumed_folder(arguments))
        sys.argv[1:] = [*quote_paths(arguments, TRAIN_PATHS), "hydra.job.name=train"]
        job()
    return Run(folders[0])


def _resumed_folder(arguments: Sequence[str]) -> Path:
    values = [value for key, _, value in (a.partition("=") for a in arguments) if key == "resume"]
    return Path(values[-1].strip("'\""))


@contextmanager
def _as_command() -> Iterator[None]:
    """Let Hydra find this process as if it had just been started, and restore all that it sets."""
    argv, folder, path = sys.argv[:], Path.cwd(), sys.path[:]
    full_error = os.environ.get(FULL_ERROR)
    handlers, level = logging.root.handlers[:], logging.root.level
    sys.argv = [COMMAND]
    os.environ[FULL_ERROR] = "1"
    GlobalHydra.instance().clear()
    try:
        with safe_streams(), trust_of_one_command():
            yield
    finally:
        GlobalHydra.instance().clear()
        for handler in set(logging.root.handlers) - set(handlers):
            handler.close()
        logging.root.handlers[:], logging.root.level = handlers, level
        if full_error is None:
            del os.environ[FULL_ERROR]
        sys.argv, sys.path[:] = argv, path
        # a run that is continued changes to the folder in which it was begun
        os.chdir(folder)


@contextmanager
def _readable_refusals() -> Iterator[None]:
    """Turn Hydra's errors into one that says what to change."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(describe_refusal(error, COMMAND, name="train")) from error
