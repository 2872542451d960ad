"""Schema of the configurations that `train.py` and `infer.py` compose."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from lungcam.config.options import (
    AuxiliaryWeights,
    CrossValidationOptions,
    ExplainOptions,
    InteractiveRenderOptions,
    LoaderOptions,
    LungsOptions,
    MonitorOptions,
    RenderOptions,
    SplitOptions,
    TrainerOptions,
    ViewOptions,
    check_choices,
    group,
    nullable,
    option,
    option_of,
)
from lungcam.errors import InputError

# the checkpoint carries what infer.py leaves null
InferExplainOptions = nullable(ExplainOptions, "layer", "method", "evidence")


@dataclass(kw_only=True)
class TrainConfig:
    """Configuration of `train.py`."""

    task: str = option(
        "malignancy",
        "target: the label, or the event within 1 to 6 years",
        choices=("malignancy", "risk"),
    )
    data: dict[str, Any] = MISSING
    view: ViewOptions = group(ViewOptions)
    lungs: LungsOptions = group(LungsOptions)
    transforms: dict[str, Any] = MISSING
    model: dict[str, Any] = MISSING
    explain: ExplainOptions = group(ExplainOptions, "heat-maps; each model names its layer")
    render: RenderOptions = group(RenderOptions, "pictures of heat-maps")
    augmentation: dict[str, Any] = MISSING
    loss: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    scheduler: dict[str, Any] = MISSING
    trainer: TrainerOptions = group(TrainerOptions)
    logger: dict[str, Any] = MISSING
    callbacks: dict[str, Any] = MISSING
    auxiliary: AuxiliaryWeights = group(
        AuxiliaryWeights, "weights of further targets, in the training loss"
    )
    split: SplitOptions = group(
        SplitOptions, "by patient; a manifest precedes folds, and folds precede shares"
    )
    cv: CrossValidationOptions = group(
        CrossValidationOptions, "cross-validation: a net for each fold, and all patients tested"
    )
    loader: LoaderOptions = group(LoaderOptions)
    monitor: MonitorOptions = group(MonitorOptions, "metric that chooses the best epoch")
    seed: int = option(0, "seed of the split, the weights and the order of the samples")
    init: str | None = option(None, "file to start from: a checkpoint of lungcam, or a state dict")
    init_names: dict[str, str] = option_of(dict, "beginnings of names in it, and those of the net")
    init_lr: float = option(1.0, "learning rate of what is loaded, as a share of optimizer.lr")
    freeze: list[str] = option_of(
        list, "names of weights that are not trained, with * and ?; body: all but the last layer"
    )
    resume: str | None = option(None, "folder of a stopped run, to continue it")
    cache: str = option("outputs/cache", "prepared scans and phantoms; safe to delete")
    prepare: str | None = option(
        None, "K/N: only prepare the Kth of N parts of the cohort for the cache"
    )


@dataclass(kw_only=True)
class InferConfig:
    """Configuration of `infer.py`."""

    ckpt: str = option(MISSING, "a checkpoint file, or the folder of a training run")
    scan: str = option(MISSING, "a DICOM folder, a volume file, a folder of many, or a .csv table")
    out: str = option("outputs/infer", "folder of the results, with a folder for each scan")
    series: str | None = option(None, "SeriesInstanceUID, where a folder holds several")
    gpus: int = option(0, "number of GPUs; 0 predicts on the CPU")
    picture: bool | None = option(None, "render.png; by default for one scan, not for many")
    turntable: bool = option(False, "turntable.gif: once around the patient")
    report: bool = option(False, "report.html: one file, for any browser")
    dicom: bool = option(False, "heat-map and masks as DICOM objects; needs lungcam[dicom]")
    render: InteractiveRenderOptions = group(InteractiveRenderOptions, "pictures of heat-maps")
    explain: InferExplainOptions = group(InferExplainOptions, "null: as the checkpoint has it")


def register_schemas() -> None:
    """Register the schemas with Hydra as `train_schema` and `infer_schema`."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=TrainConfig)
    store.store(name="infer_schema", node=InferConfig)


def refuse_missing(config: DictConfig) -> None:
    """Refuse a configuration in which a mandatory setting has no value.

    Raises:
        InputError: Names the first such key.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{key}: it must be set; add {key}=VALUE.")


def plain(node: Any) -> Any:
    """Resolve a config node to plain dicts, lists and numbers."""
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else node


def check_nodes(nodes: dict[str, Any], schema: type) -> None:
    """Refuse unknown keys, which `+key=value` adds, wrong choices and a wrong seed.

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
    _check_group(nodes, schema, prefix="")
    types = {item.name: item.type for item in fields(schema)}
    for key, values in nodes.items():
        if is_dataclass(types[key]):
            _check_group(values, types[key], prefix=f"{key}.")


def _check_group(values: dict[str, Any], options: type, *, prefix: str) -> None:
    names = [item.name for item in fields(options)]
    for name in values:
        if name not in names:
            raise InputError(
                f"{prefix}{name}: there is no such setting; it takes {', '.join(names)}."
            )
    try:
        check_choices(options, values)
    except ValueError as error:
        raise InputError(f"{prefix}{error}") from error
