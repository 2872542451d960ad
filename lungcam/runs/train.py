"""One training run, from the configuration to metrics.json."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torchio as tio
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lungcam.checkpoint import CheckpointMetadata
from lungcam.classifier import Classifier
from lungcam.cohorts.table import write_samples
from lungcam.config import TrainConfig, check_nodes, plain, refuse_missing
from lungcam.data import BatchAugmentation, ScanDataModule, SplitRule, write_manifest
from lungcam.errors import InputError
from lungcam.report import log_hparams
from lungcam.runs.evaluate import evaluate
from lungcam.runs.mask_report import report_masks
from lungcam.runs.prepare import prepare_part
from lungcam.runs.versions import versions
from lungcam.sweeps import refuse_single_run
from lungcam.targets import check_targets, instantiate
from lungcam.trainer import make_trainer
from lungcam.transforms import pipeline

# how a table's columns are read; its path and the cohort's stay out of the checkpoint
TABLE_KEYS = ("columns", "coordinates", "negative", "positive")


def train(config: DictConfig) -> float:
    """Train, choose the best epoch, predict validation and test, explain and report.

    Args:
        config: Composed from conf/train.yaml.

    Returns:
        Validation AUC of the best epoch, for sweeps to maximise.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    refuse_single_run()
    refuse_missing(config)
    nodes = plain(config)
    # what can be refused is refused before anything is made
    check_nodes(nodes, TrainConfig)
    check_targets(nodes)
    callbacks = list(_each(nodes, "callbacks").values())
    loggers = list(_each(nodes, "logger").values())
    carried = {name: nodes[name] for name in ("model", "view", "transforms", "explain")}
    carried["table"] = {key: nodes["data"][key] for key in TABLE_KEYS if key in nodes["data"]}
    metadata = CheckpointMetadata({"config": carried, "versions": versions()})
    trainer = make_trainer(config.trainer, folder, loggers, [metadata, *callbacks])
    pl.seed_everything(config.seed, workers=True)
    transforms = pipeline(_each(nodes, "transforms"))
    augmentation, batch_augmentation = _augmentations(nodes)
    net = instantiate(nodes["model"], "model")
    if config.explain.layer not in dict(net.named_modules()):
        raise InputError(f"explain.layer={config.explain.layer}: the model has no such layer.")
    scheduler = instantiate(nodes["scheduler"], "scheduler") if nodes["scheduler"] else None
    outline, attributes = (nodes["auxiliary"][name] for name in ("outline", "attributes"))
    if (outline or attributes) and not hasattr(net, "read"):
        raise InputError("auxiliary: the model learns from labels alone; choose model=nodule.")
    classifier = Classifier(
        net, instantiate(nodes["optimizer"], "optimizer"), scheduler, outline, attributes
    )

    cohort = instantiate(nodes["data"], "data")
    metadata.metadata["label_rule"] = cohort.label_rule
    cache = Path(config.cache) / "inputs"
    data = ScanDataModule(
        cohort,
        transforms,
        cache,
        SplitRule(**nodes["split"]),
        **nodes["loader"],
        seed=config.seed,
        augmentation=augmentation,
        batch_augmentation=batch_augmentation,
        attributes=net.attributes if attributes else (),
        lesions=outline > 0,
    )
    if config.prepare is not None:
        return prepare_part(data, config.prepare)
    data.setup()
    write_manifest(folder / "splits.csv", data.splits, data.pixels)
    write_samples(
        folder / "samples.csv",
        [sample for found in data.splits.values() for sample in found],
        cohort.label_rule,
    )
    metadata.metadata["pixels"] = sorted(
        {data.pixels[one.sample_id] for side in ("train", "val") for one in data.splits[side]}
    )
    for note in data.notes:
        print(f"note: {note}.")
    for line in report_masks(data, folder):
        print(line)
    trainer.fit(classifier, datamodule=data)

    metrics = evaluate(trainer, classifier, data, folder, cohort.label_rule, config.seed, callbacks)
    log_hparams(loggers, HydraConfig.get().overrides.task, metrics)
    return metrics["val"]["auc"]


def _each(nodes: dict[str, Any], group: str) -> dict[str, Any]:
    """Make every named object of a group."""
    return {name: instantiate(node, f"{group}.{name}") for name, node in nodes[group].items()}


def _augmentations(nodes: dict[str, Any]) -> tuple[tio.Compose, BatchAugmentation | None]:
    """TorchIO's transforms, for each sample by itself, and at most one for a whole batch."""
    made = _each(nodes, "augmentation")
    single = {name: one for name, one in made.items() if isinstance(one, tio.Transform)}
    whole = [one for name, one in made.items() if name not in single]
    if len(whole) > 1:
        raise InputError("augmentation: one transform of whole batches can be applied; choose one.")
    return tio.Compose(single, copy=False), next(iter(whole), None)
