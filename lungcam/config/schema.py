"""Schema of the configurations that `train.py` and `infer.py` compose."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from lungcam.config.options import (
    ACCELERATORS,
    AuxiliaryWeights,
    CrossValidationOptions,
    DetectionOptions,
    DicomOptions,
    ExplainOptions,
    GivenLungsOptions,
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
from lungcam.config.suggestions import no_such
from lungcam.errors import InputError

# the checkpoint carries what infer.py leaves null
_NullableExplainOptions = nullable(ExplainOptions, "layer", "method", "evidence")


@dataclass(kw_only=True)
class InferExplainOptions(_NullableExplainOptions):
    """Heat-maps of `infer.py`."""

    search: bool = option(
        False, "with benchmark: search whole scans, and judge the candidates by all rows of a scan"
    )


@dataclass(kw_only=True)
class TrainConfig:
    """Configuration of `train.py`."""

    task: str = option(
        "malignancy",
        "what is predicted: malignancy, risk, classes, number or detection",
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
    metrics: dict[str, Any] = option_of(
        dict, "figures of your own, by name: functions of labels and probabilities"
    )
    auxiliary: AuxiliaryWeights = group(
        AuxiliaryWeights, "weights of further targets, in the training loss"
    )
    split: SplitOptions = group(
        SplitOptions, "by patient; a manifest precedes folds, and folds precede shares"
    )
    cv: CrossValidationOptions = group(
        CrossValidationOptions, "cross-validation: a net for each fold, and all patients tested"
    )
    detection: DetectionOptions = group(
        DetectionOptions, "training of a detector, with task=detection"
    )
    loader: LoaderOptions = group(LoaderOptions)
    monitor: MonitorOptions = group(MonitorOptions, "metric that chooses the best epoch")
    plugins: list[str] = option_of(
        list, "files and packages with code of your own, which are imported first"
    )
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

    ckpt: Any = option(
        MISSING,
        "lidc for the nets that come with lungcam, a checkpoint file, the folder of a run or of a "
        "cross-validation, or a list [A,B]",
    )
    scan: str = option(MISSING, "a DICOM folder, a volume file, a folder of many, or a .csv table")
    out: str = option("outputs/infer", "folder of the results, with a folder for each scan")
    series: str | None = option(None, "SeriesInstanceUID, where a folder holds several")
    time: int | None = option(None, "number of the volume, from 0, in a file of four dimensions")
    tilt: str | None = option(
        None,
        "slices of a tilted gantry; null: straightened, or as in training on a table",
        choices=("straighten", "refuse", None),
    )
    lungs: GivenLungsOptions = group(GivenLungsOptions, "lungs of another program, for one scan")
    accelerator: str = option(
        "auto", "device (auto: gpu where gpus is set, else cpu)", choices=ACCELERATORS
    )
    gpus: int = option(0, "number of GPUs; 0 predicts on the CPU")
    tta: str | None = option(
        None, "mirror images to average each net over", choices=("flips", None)
    )
    picture: bool | None = option(None, "render.png; by default for one scan, not for many")
    turntable: bool = option(False, "turntable.gif: once around the patient")
    report: bool = option(False, "report.html: one file, for any browser")
    prior: Any = option(
        None,
        "folder of an earlier result of the scan, or a list [A,B], which the report shows next to "
        "this one",
    )
    dicom: DicomOptions = group(
        DicomOptions, "heat-map and masks as DICOM objects; needs lungcam[dicom]"
    )
    plugins: list[str] = option_of(
        list, "files and packages with the code of the net, if it is not lungcam's"
    )
    render: InteractiveRenderOptions = group(InteractiveRenderOptions, "pictures of heat-maps")
    explain: InferExplainOptions = group(InferExplainOptions, "null: as the checkpoint has it")


# by the name of the configuration in conf/
SCHEMAS = {"train": TrainConfig, "infer": InferConfig}


def register_schemas() -> None:
    """Register the schemas with Hydra as `train_schema` and `infer_schema`."""
    store = ConfigStore.instance()
    for name, schema in SCHEMAS.items():
        store.store(name=f"{name}_schema", node=schema)


def refuse_missing(config: DictConfig) -> None:
    """Refuse a configuration in which a mandatory setting has no value.

    Raises:
        InputError: Names the first such key.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{key}: it must be set; add {key}=VALUE.")


def plain(node: Any) -> Any:
    """Resolve a config node to plain dicts, lists and numbers."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


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
            raise InputError(f"{prefix}{name}: {no_such('setting', name, names)}")
    try:
        check_choices(options, values)
    except ValueError as error:
        raise InputError(f"{prefix}{error}") from error
