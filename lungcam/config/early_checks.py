"""Checks of a composed configuration before anything slow is loaded."""

from typing import Any

from omegaconf import DictConfig

from lungcam.config.aliases import update_train_config
from lungcam.config.paths import check_infer_paths, check_train_paths
from lungcam.config.schema import InferConfig, TrainConfig, check_nodes, plain, refuse_missing
from lungcam.errors import InputError


def checked_train_nodes(config: DictConfig) -> dict[str, Any]:
    """Return the plain configuration of `train.py`, without names of the previous version.

    Raises:
        InputError: A setting is missing, unknown or wrong, or there is nothing at a path.
    """
    refuse_missing(config)
    nodes = update_train_config(plain(config))
    check_nodes(nodes, TrainConfig)
    if nodes["freeze"] and nodes["init"] is None:
        raise InputError("freeze: the weights would stay random; name a file with init=.")
    check_train_paths(nodes)
    return nodes


def check_infer_config(config: DictConfig) -> None:
    """Refuse a configuration of `infer.py` that cannot be used.

    Raises:
        InputError: A setting is missing, unknown or wrong, or there is nothing at a path.
    """
    refuse_missing(config)
    nodes = plain(config)
    # null: as the checkpoint has it
    explain = {name: value for name, value in nodes["explain"].items() if value is not None}
    check_nodes(nodes | {"explain": explain}, InferConfig)
    check_infer_paths(nodes)
