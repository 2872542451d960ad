"""The schema of the configuration, and the one place that makes objects from it."""

import inspect
import os
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import MISSING, DictConfig, OmegaConf

from lungcam.errors import InputError

# settings of train.py that hold paths
PATH_KEYS = ("cache", "data.root", "data.table", "data.tables", "data.xml", "split.manifest")
# what a setting may be that is neither a list nor a dict
PLAIN = {bool, int, float, str, NoneType}
# a config, and so a checkpoint, may name nothing else
ALLOWED_TARGETS = (
    "lungcam.callbacks.",
    "lungcam.cohorts.",
    "lungcam.nets.",
    "lungcam.transforms.",
    "monai.networks.nets.",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "torch.optim.",
    "torchio.",
)


@dataclass
class ViewConfig:
    """What of the scan the network is shown."""

    name: str = MISSING
    shape: list[int] = MISSING
    spacing_mm: float = MISSING
    unit: str = MISSING


@dataclass
class LungsConfig:
    """The mask of what the network may see."""

    mask: str = MISSING
    margin_mm: float = MISSING


@dataclass
class SplitConfig:
    """Which patients train; see `lungcam.data.SplitRule`."""

    val: float = MISSING
    test: float = MISSING
    folds: Any = MISSING
    fold: int = MISSING
    manifest: str | None = MISSING


@dataclass
class LoaderConfig:
    """How batches are read."""

    batch_size: int = MISSING
    workers: int = MISSING


@dataclass
class MonitorConfig:
    """The figure that chooses the best epoch."""

    metric: str = MISSING
    mode: str = MISSING


@dataclass
class ExplainConfig:
    """The layer that Grad-CAM explains; each model names its own."""

    layer: str = MISSING


@dataclass
class TrainerConfig:
    """Settings of Lightning's Trainer, under the names users know."""

    gpus: int = MISSING
    max_epochs: int = MISSING
    precision: str = MISSING
    deterministic: Any = MISSING
    accumulate_grad_batches: int = MISSING
    gradient_clip_val: float | None = MISSING
    log_every_n_steps: int = MISSING


@dataclass
class TrainConfig:
    """Everything `train.py` composes."""

    data: dict[str, Any] = MISSING
    view: ViewConfig = field(default_factory=ViewConfig)
    lungs: LungsConfig = field(default_factory=LungsConfig)
    transforms: dict[str, Any] = MISSING
    model: dict[str, Any] = MISSING
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    augmentation: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    scheduler: dict[str, Any] = MISSING
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: dict[str, Any] = MISSING
    callbacks: dict[str, Any] = MISSING
    split: SplitConfig = field(default_factory=SplitConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    seed: int = MISSING
    cache: str = MISSING


@dataclass
class InferConfig:
    """Everything `infer.py` takes."""

    ckpt: str = MISSING
    scan: str = MISSING
    out: str = MISSING
    series: str | None = None
    gpus: int = MISSING
    render: bool | None = None


def register_schemas() -> None:
    """Make the schemas known to Hydra, as `train_schema` and `infer_schema`."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=TrainConfig)
    store.store(name="infer_schema", node=InferConfig)


def refuse_missing(config: DictConfig) -> None:
    """Refuse settings without a default that the user has not given.

    Raises:
        InputError: Names the first.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{key}: it must be set; add {key}=VALUE.")


def plain(node: Any) -> Any:
    """Resolve a config node to plain dicts, lists and numbers."""
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else node


def check_nodes(nodes: dict[str, Any], schema: type) -> None:
    """Refuse keys that the schema does not know, which `+key=value` adds, and a wrong seed.

    Args:
        nodes: Plain config.
        schema: Its dataclass, such as `TrainConfig`.

    Raises:
        InputError: Names the key.
    """
    seed = nodes.get("seed", 0)
    if seed < 0:
        raise InputError(f"seed={seed}: give 0 or more.")
    if seed >= 2**32:
        raise InputError(f"seed={seed}: give less than {2**32}.")
    known = {one.name: one.type for one in fields(schema)}
    for key, value in nodes.items():
        if key not in known:
            raise InputError(f"{key}: there is no such setting; it takes {', '.join(known)}.")
        if is_dataclass(known[key]):
            inner = [one.name for one in fields(known[key])]
            for name in value:
                if name not in inner:
                    raise InputError(
                        f"{key}.{name}: there is no such setting; it takes {', '.join(inner)}."
                    )


def check_targets(config: dict[str, Any], at: str = "") -> None:
    """Refuse, before anything is made, a target that is not allowed or a key it does not take.

    Args:
        config: Plain config.
        at: Where it stands, for the message.

    Raises:
        InputError: Names the key.
    """
    for key, value in config.items():
        _check_value(value, f"{at}.{key}" if at else str(key))
    if "_target_" not in config:
        return
    target = str(config["_target_"])
    home = next((one for one in ALLOWED_TARGETS if target.startswith(one)), None)
    if home is None:
        raise InputError(f"{at}._target_={target}: allowed are {', '.join(ALLOWED_TARGETS)}.")
    try:
        made = get_object(target)
    except Exception as error:
        raise InputError(f"{at}._target_={target}: there is no such thing; check it.") from error
    # a module's imports are reachable by its name too: what is made must be at home in its package
    if not callable(made) or not f"{getattr(made, '__module__', '')}.".startswith(home):
        raise InputError(f"{at}._target_={target}: not a class or function of {home.rstrip('.')}.")
    parameters = inspect.signature(made).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    for key in config:
        if not key.startswith("_") and key not in parameters:
            raise InputError(
                f"{at}.{key}: {target} has no such setting; it takes {', '.join(parameters)}."
            )


def _check_value(value: Any, at: str) -> None:
    """Look for targets wherever Hydra would, in lists too; see `check_targets`."""
    if isinstance(value, dict):
        check_targets(value, at)
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            _check_value(one, f"{at}[{i}]")
    elif isinstance(value, str) and "${" in value:
        # Hydra would resolve it, perhaps to a target
        raise InputError(f"{at}={value}: ${{}} is not allowed in a resolved value; write it out.")


def instantiate(config: dict[str, Any], at: str, **arguments: Any) -> Any:
    """Make the object that a config describes.

    Args:
        config: Plain config with an allowed `_target_`.
        at: Where it stands in the configuration, for the message.
        **arguments: Further arguments of the target.

    Raises:
        InputError: The target is not allowed, lacks a setting or refuses one.
        Exception: Whatever else the target raises, as it is: a defect and not the user's fault.
    """
    check_targets(config, at)
    target = str(config.get("_target_"))
    if target.startswith("lungcam."):
        _check_settings(config, at, arguments)
    try:
        return hydra_instantiate(config, **arguments, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        # a cohort does its work when it is called, all others only take their settings
        if not target.startswith("lungcam.cohorts.") and _refuses(cause):
            raise InputError(f"{at}: {cause}") from error
        raise cause from None


def _check_settings(config: dict[str, Any], at: str, arguments: dict[str, Any]) -> None:
    """Refuse settings that the target cannot be called with, before it is called."""
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    signature = inspect.signature(get_object(config["_target_"]))
    bind = signature.bind_partial if config.get("_partial_") else signature.bind
    try:
        bind(*config.get("_args_", ()), **(settings | arguments))
    except TypeError as error:
        raise InputError(f"{at}: {error}.") from error
    for key, value in settings.items():
        hint = signature.parameters[key].annotation if key in signature.parameters else None
        kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
        # a path is given as text
        kinds -= {Path, os.PathLike[str]}
        if not kinds or not kinds <= PLAIN or isinstance(value, dict | Path):
            continue
        if type(value) not in (kinds | {int} if float in kinds else kinds):
            names = " or ".join(sorted(kind.__name__ for kind in kinds if kind is not NoneType))
            raise InputError(f"{at}.{key}={value}: it must be {names}.")


def _refuses(error: BaseException) -> bool:
    """Whether an error is a constructor's way to refuse a setting."""
    # slow to load, and loaded by then wherever it can be raised
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    return isinstance(error, (TypeError, ValueError, LookupError, MisconfigurationException))
