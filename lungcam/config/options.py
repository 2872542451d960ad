"""Options of the project, each declared once: default, allowed choices and meaning.

The Hydra schema, the code that uses an option, the comments in conf/ and the tables of
docs/reference.md all follow these dataclasses; tests compare them. They are not frozen, because
OmegaConf makes frozen dataclasses read-only, and the command line could then change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, make_dataclass
from typing import Any

from omegaconf import MISSING

# devices to compute on; mps is the GPU of Apple's processors
ACCELERATORS = ("auto", "cpu", "gpu", "mps")


def option(default: Any, meaning: str, *, choices: Sequence[str | None] = ()) -> Any:
    """Declare a field of an options dataclass.

    Args:
        default: Value without a setting; `MISSING` where the configuration must give one.
        meaning: One line without a full stop.
        choices: All allowed values; empty where others decide.
    """
    return field(default=default, metadata={"meaning": meaning, "choices": tuple(choices)})


def option_of(kind: type, meaning: str) -> Any:
    """Declare a field of an options dataclass that is an empty list or dict by default."""
    return field(default_factory=kind, metadata={"meaning": meaning, "choices": ()})


def group(options: type, meaning: str = "") -> Any:
    """Declare a field that holds an options dataclass."""
    return field(default_factory=options, metadata={"meaning": meaning, "choices": ()})


def nullable(options: type, *names: str) -> type:
    """Return a variant of an options dataclass in which some fields default to None.

    Args:
        options: The dataclass.
        names: Its fields that may be None.
    """
    changed = [
        (item.name, item.type | None, field(default=None, metadata=item.metadata))
        for item in fields(options)
        if item.name in names
    ]
    return make_dataclass(f"Nullable{options.__name__}", changed, bases=(options,), kw_only=True)


def describe(item: Field) -> str:
    """Return the meaning of an option and its choices, as the comments in conf/ have them."""
    meaning, choices = item.metadata["meaning"], item.metadata["choices"]
    return f"{meaning}: {_enumerate(choices)}" if choices else meaning


def check_choices(options: type, values: Mapping[str, Any]) -> None:
    """Refuse a value that is not among the choices of its option.

    Args:
        options: An options dataclass.
        values: Values by the names of its fields; options without a value are not checked.

    Raises:
        ValueError: In one line that begins with the option and its value, 'view=frontal: ...'.
    """
    for item in fields(options):
        choices = item.metadata.get("choices")
        if choices and item.name in values and values[item.name] not in choices:
            raise ValueError(f"{item.name}={values[item.name]}: choose {_enumerate(choices)}.")


def _enumerate(choices: Sequence[str | None]) -> str:
    names = ["null" if name is None else name for name in choices]
    return f"{', '.join(names[:-1])} or {names[-1]}"


@dataclass(kw_only=True)
class ViewOptions:
    """Part of the scan that the network sees."""

    name: str = option(MISSING, "name of the view")
    shape: list[int] = option(MISSING, "voxels of the network's input along each axis")
    spacing_mm: float = option(MISSING, "edge length of these voxels, in mm")
    unit: str = option(MISSING, "what a sample is: nodule or scan")


@dataclass(kw_only=True)
class LungsOptions:
    """Mask of what the network may see."""

    mask: str = option(
        "cavity",
        "lung mask, the part that the network sees",
        choices=("recipe", "closed", "cavity"),
    )
    margin_mm: float = option(4.0, "margin around the mask, in mm")


@dataclass(kw_only=True)
class GivenLungsOptions:
    """Lungs of another program, for one scan."""

    mask: str | None = option(
        None, "mask of the lungs, a file or TotalSegmentator's folder; null: found by their air"
    )
    segment: Any = option(
        None, "its labels, segments or regions that are lung, [A,B]; null: known by name or program"
    )


@dataclass(kw_only=True)
class DicomOptions:
    """Results as DICOM objects; see `lungcam.dicom`."""

    write: bool = option(False, "write them; dicom=true for short")
    patient: str = option(
        "empty",
        "attributes of patient and study: left empty, or kept as in the scan",
        choices=("empty", "keep"),
    )


@dataclass(kw_only=True)
class ExplainOptions:
    """Heat-maps, and how they are evaluated."""

    layer: str = option(
        MISSING, "layer of the network; each model names its own, and auto chooses one"
    )
    method: str = option(
        "gradcam",
        "heat-map method",
        choices=("gradcam", "gradcampp", "hirescam", "layercam", "occlusion"),
    )
    evidence: str = option(
        "both", "evidence to show (both is signed)", choices=("both", "for", "against")
    )
    class_name: str | None = option(None, "class to explain, of task=classes; null: the called one")
    benchmark: bool = option(False, "measure how well the heat-maps find lesions, and judge them")
    erase: bool = option(False, "measure how the logit changes when a lesion is painted over")


@dataclass(kw_only=True)
class RenderOptions:
    """Pictures of heat-maps; `lungcam.render.check_options` refuses what cannot be drawn."""

    preset: str = option(
        "gradient", "opacity of the lungs", choices=("linear", "gradient", "otsu", "classic")
    )
    colormap: str = option("fire", "colours of the heat-map: fire, or a name of matplotlib's")
    view: str = option(
        "anterior",
        "camera",
        choices=("anterior", "posterior", "left", "right", "superior", "three_quarter"),
    )
    clip: str | None = option(
        None,
        "plane of a cut at the heat-map's peak",
        choices=("axial", "coronal", "sagittal", None),
    )
    size: int = option(768, "pixels along each side, 64 to 4096")
    mapper: str = option(
        "auto", "ray caster (auto is the faster one)", choices=("auto", "software", "hardware")
    )


@dataclass(kw_only=True)
class InteractiveRenderOptions(RenderOptions):
    """Pictures of one scan, with a window to turn the volume in."""

    interactive: bool = option(False, "open a window to turn the volume in")


@dataclass(kw_only=True)
class TrainerOptions:
    """Settings of Lightning's Trainer."""

    accelerator: str = option(
        "auto", "device (auto: gpu where gpus is set, else cpu)", choices=ACCELERATORS
    )
    gpus: int = option(0, "GPUs of each machine; 0 trains on the CPU")
    devices: int = option(1, "processes of each machine, on the CPU")
    num_nodes: int = option(1, "number of machines")
    max_epochs: int = option(10, "length of the training")
    precision: str = option(
        "auto", "precision; auto is bf16-mixed on a GPU that has bfloat16, else 32-true"
    )
    deterministic: Any = option("warn", "warn: some operations on a GPU are not deterministic")
    accumulate_grad_batches: int = option(1, "batches in each optimizer step")
    gradient_clip_val: float | None = option(None, "largest norm of the gradient; null: no limit")
    log_every_n_steps: int = option(10, "steps from one logged value to the next")
    gradient_clip_algorithm: str | None = option(
        None, "what gradient_clip_val limits (null: norm)", choices=("norm", "value", None)
    )
    min_epochs: int | None = option(None, "epochs that early stopping does not shorten")
    max_steps: int = option(-1, "optimizer steps at most; -1: no limit")
    min_steps: int | None = option(None, "optimizer steps that early stopping does not shorten")
    max_time: str | None = option(None, "longest time of the training, DD:HH:MM:SS")
    limit_train_batches: Any = option(
        None, "batches of an epoch, as a number or a share; null: all"
    )
    limit_val_batches: Any = option(
        None, "batches of a validation, as a number or a share; null: all"
    )
    val_check_interval: Any = option(
        None, "steps or share of an epoch from one validation to the next; null: an epoch"
    )
    check_val_every_n_epoch: int | None = option(1, "epochs from one validation to the next")
    num_sanity_val_steps: int = option(0, "batches of a validation before the training")
    fast_dev_run: Any = option(
        False, "try so many batches of training and validation, true for one, and write no results"
    )
    overfit_batches: Any = option(
        0.0, "batches to learn by heart, as a number or a share: the loss should end near 0"
    )
    profiler: str | None = option(
        None,
        "time of each part of the training, in profile files of the run folder",
        choices=("simple", "advanced", "pytorch", None),
    )
    detect_anomaly: bool = option(False, "stop where a gradient becomes NaN, and say where; slow")
    benchmark: bool | None = option(None, "let cuDNN time its algorithms for the input's shape")
    sync_batchnorm: bool = option(False, "batch statistics over all processes of a training")
    enable_progress_bar: bool = option(True, "progress on the terminal")
    enable_model_summary: bool = option(False, "list the layers of the net before the training")


@dataclass(kw_only=True)
class AuxiliaryWeights:
    """Weights of auxiliary targets in the training loss; see `lungcam.nets.NetOutput`."""

    outline: float = option(0.0, "weight of the lesion's mask")
    attributes: float = option(0.0, "weight of model.attributes")
    location: float = option(0.0, "weight of nodules' positions, from their centres and diameters")


@dataclass(kw_only=True)
class SplitOptions:
    """Split of the patients; a manifest precedes folds, and folds precede shares."""

    val: float = option(0.15, "share of the patients for validation; the rest trains")
    test: float = option(0.25, "share of the patients for the test; unused with folds")
    folds: Any = option(None, "number of folds, or official for the data set's own")
    fold: int = option(0, "fold to test on, from 0")
    manifest: str | None = option(None, "splits.csv of another run, to split as it did")


@dataclass(kw_only=True)
class DetectionOptions:
    """Training of a detector, for task=detection; see `lungcam.runs.train_detector`."""

    scans: str | None = option(
        None,
        "table of whole scans and their lesions, a row for each, as data=table reads it; "
        "null: the cohort's own",
    )
    leave_out: list[str] = option_of(
        list, "sample_ids of scans that are not learnt from, and searched at the end"
    )
    drawn: int = option(12, "whole scans that an epoch's cubes are cut from, of a cohort's own")
    cubes: int = option(1200, "cubes in an epoch")
    mined: list[float] = option_of(
        list, "shares of the training after which the net chooses the hardest places itself"
    )


@dataclass(kw_only=True)
class CrossValidationOptions:
    """Cross-validation; see `lungcam.runs.cross_validate`."""

    folds: Any = option(None, "number of folds")
    repeats: int = option(1, "number of seeds, counted up from seed")


@dataclass(kw_only=True)
class LoaderOptions:
    """Batches."""

    batch_size: int = option(4, "samples of each process in a batch")
    workers: int = option(0, "processes that read batches; prepared scans load in a millisecond")


@dataclass(kw_only=True)
class MonitorOptions:
    """Metric that chooses the best epoch."""

    metric: str = option("val/loss", "metric, or epoch for the last one")
    mode: str = option("min", "which value is the best", choices=("min", "max"))
