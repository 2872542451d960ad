"""Check of a cohort before anything is prepared: `python -m lungcam check data=NAME`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lungcam.cli.app import DONE, quote_paths
from lungcam.cli.plugins import import_plugins
from lungcam.config.aliases import drop_removed_settings
from lungcam.config.paths import TRAIN_PATHS, check_train_paths
from lungcam.config.schema import (
    TrainConfig,
    check_nodes,
    plain,
    refuse_missing,
    register_schemas,
)
from lungcam.errors import InputError
from lungcam.runtime.versions import CONFIG_FOLDER

# nodes of conf/train.yaml that determine a cohort; others need a running job to be resolved
NODES = (
    "task",
    "data",
    "view",
    "lungs",
    "transforms",
    "model",
    "split",
    "auxiliary",
    "seed",
    "cache",
)


def run(arguments: Sequence[str]) -> int:
    """Check a cohort and return the exit code.

    Args:
        arguments: Overrides as for `train.py`, such as `data=lidc data.root=PATH view=nodule`, and
            `out=DIR`.

    Raises:
        InputError: The settings are wrong, or the cohort cannot be trained on.
        HydraException: The settings cannot be composed.
    """
    folders = [name.removeprefix("out=") for name in arguments if name.startswith("out=")]
    overrides = [argument for argument in arguments if not argument.startswith("out=")]
    overrides = quote_paths(drop_removed_settings(overrides), TRAIN_PATHS)
    nodes = _compose(import_plugins(overrides))
    # slow to load
    from lungcam.runs.check_cohort import check_cohort

    check_cohort(nodes, Path(folders[-1]) if folders else None)
    return DONE


def _compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose, resolve and check `NODES` of conf/train.yaml."""
    if not CONFIG_FOLDER.is_dir():
        raise InputError(f"{CONFIG_FOLDER}: there is no such folder; install lungcam again.")
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = OmegaConf.masked_copy(compose("train", list(overrides)), NODES)
    refuse_missing(config)
    nodes = plain(config)
    check_nodes(nodes, TrainConfig)
    check_train_paths(nodes)
    return nodes
