"""One training run, from the configuration to metrics.json."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torchio as tio
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lungcam.callbacks import EpochSeed, LastCheckpoint, is_trained
from lungcam.cohorts.table import write_samples
from lungcam.config.aliases import update_train_config
from lungcam.config.instantiate import check_targets, instantiate
from lungcam.config.schema import TrainConfig, check_nodes, plain, refuse_missing
from lungcam.data import BatchAugmentation, ScanDataModule, SplitRule, write_manifest
from lungcam.errors import InputError
from lungcam.evaluation.evaluate import evaluate
from lungcam.evaluation.mask_report import report_masks
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.explain.options import check_layer
from lungcam.render.options import read_options
from lungcam.report import log_hparams
from lungcam.runs.prepare import prepare_part
from lungcam.runtime.atomic import clear_unfinished
from lungcam.runtime.distributed import rank
from lungcam.runtime.versions import versions
from lungcam.sweeps import refuse_single_run
from lungcam.tasks import Task, task_named
from lungcam.training import Classifier
from lungcam.training.checkpoint import (
    METADATA_KEY,
    AtomicCheckpointIO,
    CheckpointMetadata,
    load_checkpoint,
)
from lungcam.training.trainer import make_trainer, rank_zero_first
from lungcam.transforms import pipeline

FULL = "32-true"
CARRIED = ("task", "model", "view", "transforms", "explain")
# how a table's columns are read; its path and the cohort's stay out of the checkpoint
TABLE_KEYS = ("columns", "coordinates", "negative", "positive")


def train(config: DictConfig) -> float | None:
    """Train, choose the best epoch, predict validation and test, explain and report.

    Args:
        config: Composed from conf/train.yaml.

    Returns:
        Validation AUC of the best epoch, for sweeps to maximise; None where a cohort was prepared
        only.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    refuse_single_run()
    refuse_missing(config)
    nodes = update_train_config(plain(config))
    # what can be refused is refused before anything is made
    check_nodes(nodes, TrainConfig)
    check_targets(nodes)
    task = task_named(nodes["task"])
    read_options(nodes["render"])
    callbacks = list(_each(nodes, "callbacks").values())
    carried = {name: nodes[name] for name in CARRIED}
    carried["table"] = {key: nodes["data"][key] for key in TABLE_KEYS if key in nodes["data"]}
    metadata = CheckpointMetadata({"config": carried, "versions": versions()})
    last = folder / "checkpoints" / "last.ckpt"
    before = load_checkpoint(last) if config.resume and last.is_file() else None
    if config.resume:
        _continue_events(nodes["logger"], before["global_step"] if before else 0)
    trainer = make_trainer(
        config.trainer,
        folder,
        logger=list(_each(nodes, "logger").values()),
        callbacks=[metadata, EpochSeed(config.seed), LastCheckpoint(last), *callbacks],
        plugins=[AtomicCheckpointIO()],
    )
    pl.seed_everything(config.seed, workers=True)
    transforms = pipeline(_each(nodes, "transforms"))
    augmentation, batch_augmentation = _augmentations(nodes)
    classifier = _classifier(nodes, task)
    with rank_zero_first(trainer):
        cohort = task.label(instantiate(nodes["data"], "data"))
        data = ScanDataModule(
            cohort,
            transforms,
            cache=Path(config.cache) / "inputs",
            split=SplitRule(**nodes["split"]),
            **nodes["loader"],
            seed=config.seed,
            augmentation=augmentation,
            batch_augmentation=batch_augmentation,
            attributes=classifier.net.attributes if classifier.attributes_weight else (),
            lesions=classifier.outline_weight > 0,
            locations=classifier.location_weight > 0,
            targets=task.targets,
            unlabelled=task.uses_unlabelled,
        )
        if config.prepare is not None:
            prepare_part(data, config.prepare)
            return None
        data.setup()
        task.initialise(classifier, data.splits["train"])
    metadata.metadata["label_rule"] = cohort.label_rule
    metadata.metadata["pixels"] = sorted(
        {data.pixels[one.sample_id] for side in ("train", "val") for one in data.splits[side]}
    )
    if before and before[METADATA_KEY].get("pixels") != metadata.metadata["pixels"]:
        raise InputError(f"{folder}: its scans have changed since it was begun; start a new run.")
    if rank() == 0:
        clear_unfinished(folder)
        _report_data(data, folder, label_rule=cohort.label_rule)
    if before:
        print(f"going on with {folder} after {before['epoch']} epochs.")
    if not (before and is_trained(before)):
        trainer.fit(classifier, datamodule=data, ckpt_path=last if before else None)
    if rank() > 0:
        return math.nan  # rank zero evaluates
    if trainer.world_size > 1 or config.trainer.precision != FULL:
        # it sees every sample once, in order, and is as exact as infer.py; what was logged stays
        _continue_events(nodes["logger"], load_checkpoint(last)["global_step"])
        loggers = list(_each(nodes, "logger").values())
        exact = {**config.trainer, "precision": FULL}
        trainer = make_trainer(exact, folder, logger=loggers, callbacks=callbacks, alone=True)
    evaluation = evaluate(
        TrainedRun(
            trainer=trainer,
            classifier=classifier,
            task=task,
            data=data,
            folder=folder,
            label_rule=cohort.label_rule,
            seed=config.seed,
            explain=nodes["explain"],
        )
    )
    print(evaluation.summary)
    log_hparams(trainer.loggers, HydraConfig.get().overrides.task, metrics=evaluation.metrics)
    return evaluation.metrics["val"]["auc"]


def _report_data(data: ScanDataModule, folder: Path, *, label_rule: str) -> None:
    """Write what the run trains on, and say what the user should know of it."""
    write_manifest(folder / "splits.csv", data.splits, pixels=data.pixels)
    samples = [sample for found in data.splits.values() for sample in found]
    write_samples(folder / "samples.csv", samples, label_rule=label_rule)
    for note in data.notes:
        print(f"note: {note}.")
    for line in report_masks(data, folder):
        print(line)


def _continue_events(loggers: dict[str, Any], step: int) -> None:
    """Have TensorBoard drop what was logged from a step on: it will be logged again."""
    for node in loggers.values():
        if str(node["_target_"]).endswith("TensorBoardLogger"):
            node["purge_step"] = step


def _each(nodes: dict[str, Any], group: str) -> dict[str, Any]:
    """Make every named object of a group."""
    return {name: instantiate(node, f"{group}.{name}") for name, node in nodes[group].items()}


def _classifier(nodes: dict[str, Any], task: Task) -> Classifier:
    """The net with all it needs to learn."""
    net = instantiate(nodes["model"], "model")
    check_layer(net, nodes["explain"]["layer"], shape=nodes["view"]["shape"])
    scheduler = instantiate(nodes["scheduler"], "scheduler") if nodes["scheduler"] else None
    weights = {name: nodes["auxiliary"][name] for name in ("outline", "attributes", "location")}
    if min(weights.values()) < 0:
        raise InputError("auxiliary: a weight is below 0; give 0 or more.")
    if any(weights.values()) and not hasattr(net, "read"):
        raise InputError(
            "auxiliary: the model learns from labels alone; choose model=nodule or model=lungs."
        )
    if weights["attributes"] and not net.attributes:
        raise InputError("auxiliary.attributes: name some in model.attributes, or set it to 0.")
    return task.classifier(
        net,
        optimizer=instantiate(nodes["optimizer"], "optimizer"),
        scheduler=scheduler,
        **{f"{name}_weight": weight for name, weight in weights.items()},
    )


def _augmentations(nodes: dict[str, Any]) -> tuple[tio.Compose, BatchAugmentation | None]:
    """TorchIO's transforms, for each sample by itself, and at most one for a whole batch."""
    made = _each(nodes, "augmentation")
    single = {name: one for name, one in made.items() if isinstance(one, tio.Transform)}
    whole = [one for name, one in made.items() if name not in single]
    if len(whole) > 1:
        raise InputError("augmentation: one transform of whole batches can be applied; choose one.")
    return tio.Compose(single, copy=False), next(iter(whole), None)
