"""One training run, from the configuration to metrics.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torchio as tio
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from torch import nn

from lungcam.callbacks import EpochSeed, LastCheckpoint, is_trained
from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.table import write_samples
from lungcam.config.early_checks import checked_train_nodes
from lungcam.config.instantiate import check_targets, instantiate
from lungcam.config.options import AuxiliaryWeights
from lungcam.data import SplitRule, write_manifest
from lungcam.data.datamodule import BatchAugmentation, ScanDataModule
from lungcam.errors import InputError
from lungcam.evaluation.evaluate import evaluate
from lungcam.evaluation.mask_report import report_masks
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.explain.options import check_layer
from lungcam.render.options import read_options
from lungcam.report.hparams import log_hparams
from lungcam.runs.prepare import prepare_part
from lungcam.runtime.atomic import clear_unfinished
from lungcam.runtime.distributed import rank
from lungcam.runtime.precision import FULL, choose_precision, is_emulated
from lungcam.runtime.versions import versions
from lungcam.tasks import Task, task_named
from lungcam.training.checkpoint import METADATA_KEY, load_checkpoint
from lungcam.training.classifier import Classifier
from lungcam.training.initial_weights import Start, freeze, start_from
from lungcam.training.lightning_checkpoint import AtomicCheckpointIO, CheckpointMetadata
from lungcam.training.losses import Loss
from lungcam.training.trainer import make_trainer, rank_zero_first
from lungcam.transforms import pipeline

# nodes that a checkpoint carries
CARRIED = ("task", "model", "view", "transforms", "explain")
# settings of a table's columns, which it carries too; paths and cohort stay out
TABLE_KEYS = ("columns", "coordinates", "negative", "positive")


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSession:
    """Trainer of a run, with its files.

    Attributes:
        folder: The run folder.
        nodes: Plain configuration.
        trainer: Lightning's Trainer.
        callbacks: Callbacks of the configuration.
        metadata: Callback with the metadata of the checkpoints.
        last: Checkpoint of the last epoch.
        resumed: Content of `last`, if the run is continued from it.
    """

    folder: Path
    nodes: dict[str, Any]
    trainer: pl.Trainer
    callbacks: Sequence[pl.Callback]
    metadata: CheckpointMetadata
    last: Path
    resumed: dict[str, Any] | None


def train(config: DictConfig) -> float | None:
    """Train, choose the best epoch, predict validation and test, explain and report.

    Args:
        config: Composed from conf/train.yaml.

    Returns:
        Validation AUC of the best epoch, for sweeps to maximise; None if only a part of the cohort
        was prepared.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    nodes = _checked_nodes(config)
    task = task_named(nodes["task"])
    session = _start(nodes, folder)
    pl.seed_everything(nodes["seed"], workers=True)
    transforms = pipeline(_instantiate_group(nodes, "transforms"))
    augmentations = _augmentations(nodes)
    net, start = _net(nodes)
    classifier = _classifier(net, nodes, start=start, task=task)
    with rank_zero_first(session.trainer):
        cohort = task.label(instantiate(nodes["data"], "data"))
        data = _data_module(
            cohort, transforms, nodes=nodes, classifier=classifier, task=task, changes=augmentations
        )
        if nodes["prepare"] is not None:
            prepare_part(data, nodes["prepare"])
            return None
        data.setup()
        task.initialise(classifier, data.splits["train"])
        _fit_loss(classifier.loss, data.splits["train"])
        if start is not None:
            data.notes.extend(_seen(start, data))
    _record_data(session, data, label_rule=cohort.label_rule)
    _fit(session, classifier, data=data)
    if rank() > 0:
        return math.nan  # rank zero evaluates
    trainer = _exact_trainer(session)
    evaluation = evaluate(
        TrainedRun(
            trainer=trainer,
            classifier=classifier,
            task=task,
            data=data,
            folder=folder,
            label_rule=cohort.label_rule,
            seed=nodes["seed"],
            explain=nodes["explain"],
        )
    )
    print(evaluation.summary)
    log_hparams(trainer.loggers, HydraConfig.get().overrides.task, metrics=evaluation.metrics)
    return evaluation.metrics["val"]["auc"]


def _checked_nodes(config: DictConfig) -> dict[str, Any]:
    """Return the plain configuration, refusing what can be refused before anything is made."""
    nodes = checked_train_nodes(config)
    check_targets(nodes)
    read_options(nodes["render"])
    return nodes


def _start(nodes: dict[str, Any], folder: Path) -> TrainingSession:
    """Make the trainer of a new run, or of a run that is continued."""
    callbacks = list(_instantiate_group(nodes, "callbacks").values())
    last = folder / "checkpoints" / "last.ckpt"
    resumed = load_checkpoint(last) if nodes["resume"] and last.is_file() else None
    if nodes["resume"]:
        _drop_events(nodes["logger"], resumed["global_step"] if resumed else 0)
    _settle_precision(nodes["trainer"], resumed[METADATA_KEY] if resumed else {})
    carried = {name: nodes[name] for name in CARRIED}
    carried["table"] = {key: nodes["data"][key] for key in TABLE_KEYS if key in nodes["data"]}
    metadata = CheckpointMetadata(
        {
            "config": carried,
            "precision": nodes["trainer"]["precision"],
            "versions": versions(),
        }
    )
    trainer = make_trainer(
        nodes["trainer"],
        folder,
        logger=list(_instantiate_group(nodes, "logger").values()),
        callbacks=[metadata, EpochSeed(nodes["seed"]), LastCheckpoint(last), *callbacks],
        plugins=[AtomicCheckpointIO()],
    )
    return TrainingSession(
        folder=folder,
        nodes=nodes,
        trainer=trainer,
        callbacks=callbacks,
        metadata=metadata,
        last=last,
        resumed=resumed,
    )


def _settle_precision(trainer: dict[str, Any], begun: Mapping[str, Any]) -> None:
    """Replace `auto` by the precision of the machine, or by that in which the run has begun.

    Args:
        trainer: Node `trainer`, which is changed.
        begun: Metadata of the checkpoint that is continued; empty for a new run.
    """
    gpu = trainer["gpus"] > 0
    precision = choose_precision(trainer["precision"], gpu=gpu)
    trainer["precision"] = precision = begun.get("precision", precision)
    if is_emulated(precision, gpu=gpu) and rank() == 0:
        machine = "graphics card" if gpu else "processor"
        print(
            f"note: trainer.precision={precision}: this {machine} emulates it and is faster in "
            "32-true; auto chooses what suits the machine."
        )


def _data_module(
    cohort: Cohort,
    transforms: tio.Compose,
    *,
    nodes: dict[str, Any],
    classifier: Classifier,
    task: Task,
    changes: tuple[tio.Compose, BatchAugmentation | None],
) -> ScanDataModule:
    augmentation, batch_augmentation = changes
    return ScanDataModule(
        cohort,
        transforms,
        cache=Path(nodes["cache"]) / "inputs",
        split=SplitRule(**nodes["split"]),
        **nodes["loader"],
        seed=nodes["seed"],
        augmentation=augmentation,
        batch_augmentation=batch_augmentation,
        attributes=classifier.net.attributes if classifier.auxiliary.attributes else (),
        lesions=classifier.auxiliary.outline > 0,
        locations=classifier.auxiliary.location > 0,
        targets=task.targets,
        unlabelled=task.uses_unlabelled,
    )


def _record_data(session: TrainingSession, data: ScanDataModule, *, label_rule: str) -> None:
    """Add the data to the checkpoints' metadata and to the run folder, and print its notes.

    Raises:
        InputError: A run is continued with other scans.
    """
    metadata, folder = session.metadata.metadata, session.folder
    metadata["label_rule"] = label_rule
    metadata["pixels"] = sorted(
        {data.pixels[sample.sample_id] for side in ("train", "val") for sample in data.splits[side]}
    )
    if session.resumed and session.resumed[METADATA_KEY].get("pixels") != metadata["pixels"]:
        raise InputError(f"{folder}: its scans have changed since it was begun; start a new run.")
    if rank() > 0:
        return
    clear_unfinished(folder)
    write_manifest(folder / "splits.csv", data.splits, pixels=data.pixels)
    samples = [sample for side in data.splits.values() for sample in side]
    write_samples(folder / "samples.csv", samples, label_rule=label_rule)
    for note in data.notes:
        print(f"note: {note}.")
    for line in report_masks(data, folder):
        print(line)


def _fit(session: TrainingSession, classifier: Classifier, *, data: ScanDataModule) -> None:
    """Train to the last epoch, from where a continued run was stopped."""
    if session.resumed:
        print(f"continuing {session.folder} after {session.resumed['epoch']} epochs.")
        if is_trained(session.resumed):
            return
    ckpt_path = session.last if session.resumed else None
    session.trainer.fit(classifier, datamodule=data, ckpt_path=ckpt_path)


def _exact_trainer(session: TrainingSession) -> pl.Trainer:
    """Return a trainer for the evaluation: one process, in full precision, as exact as infer.py.

    It sees every sample once and in order. Logged values of the training are kept.
    """
    nodes, trainer = session.nodes, session.trainer
    if trainer.world_size == 1 and nodes["trainer"]["precision"] == FULL:
        return trainer
    _drop_events(nodes["logger"], load_checkpoint(session.last)["global_step"])
    return make_trainer(
        {**nodes["trainer"], "precision": FULL},
        session.folder,
        logger=list(_instantiate_group(nodes, "logger").values()),
        callbacks=session.callbacks,
        alone=True,
    )


def _drop_events(loggers: dict[str, Any], step: int) -> None:
    """Let TensorBoard drop what was logged from a step on: it will be logged again."""
    for node in loggers.values():
        if str(node["_target_"]).endswith("TensorBoardLogger"):
            node["purge_step"] = step


def _instantiate_group(nodes: dict[str, Any], group: str) -> dict[str, Any]:
    """Make every named object of a group."""
    return {name: instantiate(node, f"{group}.{name}") for name, node in nodes[group].items()}


def _net(nodes: dict[str, Any]) -> tuple[nn.Module, Start | None]:
    """Make the net, and set its weights to those of a file if one is given."""
    net = instantiate(nodes["model"], "model")
    check_layer(net, nodes["explain"]["layer"], shape=nodes["view"]["shape"])
    start = None
    if nodes["init"] is not None:
        start = start_from(net, Path(nodes["init"]), names=nodes["init_names"])
        if rank() == 0:
            print("\n".join(start.lines))
    if nodes["freeze"]:
        names = freeze(net, nodes["freeze"])
        if rank() == 0:
            print(f"{len(names)} of {len(list(net.parameters()))} tensors are not trained")
    return net, start


def _seen(start: Start, data: ScanDataModule) -> list[str]:
    """Return a note if the net that a training starts from has seen scans that will test it."""
    seen = {
        split: sum(data.pixels[sample.sample_id] in start.pixels for sample in data.splits[split])
        for split in ("val", "test")
    }
    if not any(seen.values()):
        return []
    return [
        f"the net of init= was trained on {seen['test']} test scans and {seen['val']} validation "
        "scans of this run: their figures are too good; split by split.manifest= as it was"
    ]


def _classifier(
    net: nn.Module, nodes: dict[str, Any], *, start: Start | None, task: Task
) -> Classifier:
    """Wrap the net, with its optimizer, its loss and the weights of auxiliary losses."""
    scheduler = instantiate(nodes["scheduler"], "scheduler") if nodes["scheduler"] else None
    weights = nodes["auxiliary"]
    if min(weights.values()) < 0:
        raise InputError("auxiliary: a weight is below 0; give 0 or more.")
    if any(weights.values()) and not hasattr(net, "read"):
        raise InputError(
            "auxiliary: the model learns from labels alone; choose model=nodule or model=lungs."
        )
    if weights["attributes"] and not net.attributes:
        raise InputError("auxiliary.attributes: name some in model.attributes, or set it to 0.")
    classifier = task.classifier(
        net,
        optimizer=instantiate(nodes["optimizer"], "optimizer"),
        scheduler=scheduler,
        auxiliary=AuxiliaryWeights(**weights),
        loss=instantiate(nodes["loss"], "loss"),
    )
    if start is not None:
        classifier.loaded = frozenset(start.loaded)
        classifier.loaded_rate = nodes["init_lr"]
    return classifier


def _fit_loss(loss: Loss, train: Sequence[Sample]) -> None:
    """Let a loss that depends on the training labels see them."""
    if hasattr(loss, "fit"):
        loss.fit(np.array([sample.label for sample in train if sample.label is not None]))


def _augmentations(nodes: dict[str, Any]) -> tuple[tio.Compose, BatchAugmentation | None]:
    """Make TorchIO's transforms of single samples, and at most one of whole batches."""
    augmentations = _instantiate_group(nodes, "augmentation")
    single = {
        name: augmentation
        for name, augmentation in augmentations.items()
        if isinstance(augmentation, tio.Transform)
    }
    whole = [augmentation for name, augmentation in augmentations.items() if name not in single]
    if len(whole) > 1:
        raise InputError("augmentation: one transform of whole batches can be applied; choose one.")
    return tio.Compose(single, copy=False), next(iter(whole), None)
