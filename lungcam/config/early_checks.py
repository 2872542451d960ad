"""Checks of a composed configuration before anything slow is loaded."""

from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lungcam.config.aliases import update_train_config
from lungcam.config.options import DicomOptions
from lungcam.config.paths import check_infer_paths, check_train_paths
from lungcam.config.schema import InferConfig, TrainConfig, check_nodes, plain, refuse_missing
from lungcam.errors import InputError

# groups that ~GROUP takes out
OPTIONAL = ("scheduler", "logger", "callbacks", "augmentation", "metrics")
# task of a detector
DETECTION = "detection"
# classes of Lightning that need a package, which an extra of the same name installs
PACKAGES = {"MLFlowLogger": "mlflow", "WandbLogger": "wandb"}


def checked_train_nodes(config: DictConfig) -> dict[str, Any]:
    """Return the plain configuration of `train.py`, without names of the previous version.

    Raises:
        InputError: A setting is missing, unknown or wrong, or there is nothing at a path.
    """
    config = config.copy()
    for name in OPTIONAL:
        if OmegaConf.is_missing(config, name) or name not in config:
            OmegaConf.update(config, name, {}, force_add=True)
    if config.get("resume"):
        config = _as_stored(config)
    refuse_missing(config)
    nodes = update_train_config(plain(config))
    if not nodes.get("resume"):
        _refuse_taken_out(nodes)
    check_nodes(nodes, TrainConfig)
    if nodes["freeze"] and nodes["init"] is None:
        raise InputError("freeze: the weights would stay random; name a file with init=.")
    check_train_paths(nodes)
    if nodes["task"] == DETECTION:
        _check_detection(nodes)
    _refuse_missing_packages(nodes["logger"])
    return nodes


def check_infer_config(config: DictConfig) -> None:
    """Refuse a configuration of `infer.py` that cannot be used.

    Raises:
        InputError: A setting is missing, unknown or wrong, or there is nothing at a path.
    """
    refuse_missing(config)
    nodes = plain(config)
    _refuse_taken_out(nodes, InferConfig)
    # null: as the checkpoint has it
    explain = {name: value for name, value in nodes["explain"].items() if value is not None}
    check_nodes(nodes | {"explain": explain}, InferConfig)
    if explain.get("search") and not explain.get("benchmark"):
        raise InputError("explain.search=true: it measures searches; add explain.benchmark=true.")
    if nodes["prior"] is not None and not nodes["report"]:
        raise InputError("prior: the report shows earlier results; add report=true.")
    dicom = nodes["dicom"]
    if dicom["patient"] != DicomOptions.patient and not dicom["write"]:
        raise InputError(f"dicom.patient={dicom['patient']}: no DICOM objects; add dicom=true.")
    check_infer_paths(nodes)


def _as_stored(config: DictConfig) -> DictConfig:
    """Return the stored configuration of a run that is continued, in the types of the schema.

    What a run of an earlier version did not know takes its default.

    Raises:
        InputError: It was not written by a training.
    """
    try:
        return OmegaConf.merge(OmegaConf.structured(TrainConfig), plain(config))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{config.resume}: its .hydra/config.yaml was not written by a training ({reason}); "
            "give the run's own command again."
        ) from error


def _refuse_taken_out(nodes: Mapping[str, Any], schema: type = TrainConfig) -> None:
    """Refuse `~KEY` for what a command needs."""
    for item in fields(schema):
        if item.name not in nodes:
            raise InputError(f"~{item.name}: it cannot be taken out; choose or set another.")


def _check_detection(nodes: Mapping[str, Any]) -> None:
    """Refuse what a detector cannot be trained with."""
    if nodes["resume"] or nodes["prepare"] is not None or nodes["cv"]["folds"] is not None:
        raise InputError(
            "task=detection: resume, prepare and cv are not for detectors; train again, with "
            "split.folds= and split.fold= for a fold."
        )
    if nodes["detection"]["scans"] is None and nodes["view"]["unit"] != "scan":
        raise InputError("detection.scans: name a table of whole scans to learn lungs from.")
    if nodes["detection"]["scans"] is None and nodes["detection"]["leave_out"]:
        raise InputError("detection.leave_out: of a cohort's own scans, those of the test are.")
    if nodes["detection"]["drawn"] < 1:
        raise InputError("detection.drawn: cubes are cut from 1 scan at least.")
    if nodes["trainer"].get("fast_dev_run"):
        raise InputError(
            "trainer.fast_dev_run: it is not for detectors; set detection.cubes= and "
            "trainer.max_epochs= low."
        )
    if nodes["model"].get("_target_") != "lungcam.nets.DetectorNet":
        raise InputError("task=detection: it needs model=detector.")


def _refuse_missing_packages(loggers: Mapping[str, Any]) -> None:
    """Refuse loggers of packages that are not installed."""
    for name, node in loggers.items():
        target = str(node.get("_target_")) if isinstance(node, dict) else ""
        package = PACKAGES.get(target.rpartition(".")[2])
        if package is not None and find_spec(package) is None:
            raise InputError(
                f"logger.{name}: it needs {package}: pip install 'lungcam[{package}]'."
            )
