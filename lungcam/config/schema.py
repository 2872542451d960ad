"""The schema of the configuration."""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from lungcam.errors import InputError

# settings of train.py that hold paths
PATH_KEYS = (
    *("cache", "data.root", "data.table", "data.tables", "data.xml", "data.nodules"),
    "split.manifest",
)


@dataclass(kw_only=True)
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


@dataclass(kw_only=True)
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


@dataclass(kw_only=True)
class ExplainConfig:
    """How heat-maps are made, and how they are judged; each model names its own layer."""

    layer: str = MISSING
    method: str = MISSING
    evidence: str = MISSING
    benchmark: bool = MISSING
    erase: bool = MISSING


@dataclass(kw_only=True)
class RenderConfig:
    """How pictures look; see `lungcam.render.RenderOptions`."""

    preset: str = MISSING
    colormap: str = MISSING
    view: str = MISSING
    clip: str | None = MISSING
    size: int = MISSING
    mapper: str = MISSING


@dataclass(kw_only=True)
class TrainerConfig:
    """Settings of Lightning's Trainer, under the names users know."""

    gpus: int = MISSING
    devices: int = MISSING
    num_nodes: int = MISSING
    max_epochs: int = MISSING
    precision: str = MISSING
    deterministic: Any = MISSING
    accumulate_grad_batches: int = MISSING
    gradient_clip_val: float | None = MISSING
    log_every_n_steps: int = MISSING


@dataclass
class AuxiliaryConfig:
    """Weights of what the net learns beside the label, in training; see `lungcam.nets.NetOutput`."""

    outline: float = MISSING
    attributes: float = MISSING
    location: float = MISSING


@dataclass
class CrossValidationConfig:
    """Whether one run trains on every fold in turn; see `lungcam.runs.cross_validate`."""

    folds: Any = MISSING
    repeats: int = MISSING


@dataclass(kw_only=True)
class TrainConfig:
    """Everything `train.py` composes."""

    task: str = MISSING
    data: dict[str, Any] = MISSING
    view: ViewConfig = field(default_factory=ViewConfig)
    lungs: LungsConfig = field(default_factory=LungsConfig)
    transforms: dict[str, Any] = MISSING
    model: dict[str, Any] = MISSING
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    augmentation: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    scheduler: dict[str, Any] = MISSING
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: dict[str, Any] = MISSING
    callbacks: dict[str, Any] = MISSING
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    cv: CrossValidationConfig = field(default_factory=CrossValidationConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    seed: int = MISSING
    resume: str | None = None
    cache: str = MISSING
    prepare: str | None = MISSING


@dataclass(kw_only=True)
class InferExplainConfig:
    """As `ExplainConfig`; what is null is as the checkpoint carries it."""

    layer: str | None = None
    method: str | None = None
    evidence: str | None = None
    benchmark: bool = False
    erase: bool = False


@dataclass
class InferRenderConfig(RenderConfig):
    """As `RenderConfig`, with a window to turn the volume in."""

    interactive: bool = MISSING


@dataclass(kw_only=True)
class InferConfig:
    """Everything `infer.py` takes."""

    ckpt: str = MISSING
    scan: str = MISSING
    out: str = MISSING
    series: str | None = None
    gpus: int = MISSING
    picture: bool | None = None
    turntable: bool = MISSING
    report: bool = MISSING
    dicom: bool = MISSING
    render: InferRenderConfig = field(default_factory=InferRenderConfig)
    explain: InferExplainConfig = field(default_factory=InferExplainConfig)


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
