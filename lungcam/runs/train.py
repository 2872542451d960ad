"""One training run, from the configuration to metrics.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import BatchSizeFinder
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from lungcam.callbacks import EpochSeed, LastCheckpoint, LearningCurves, is_trained
from lungcam.cohorts import Cohort
from lungcam.cohorts.compose import compose_cohort
from lungcam.cohorts.table import write_samples
from lungcam.config.early_checks import DETECTION
from lungcam.config.instantiate import composed_targets
from lungcam.config.third_party import refusal_within
from lungcam.data import series_hashes, write_manifest
from lungcam.data.datamodule import ScanDataModule
from lungcam.errors import InputError
from lungcam.evaluation.evaluate import evaluate
from lungcam.evaluation.mask_report import report_masks
from lungcam.evaluation.own_metrics import Metric
from lungcam.evaluation.track_record import TRAINING, training_record
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.phantom.recognise import is_phantom
from lungcam.report.hparams import log_figures
from lungcam.runs.prepare import prepare_part
from lungcam.runs.run_folder import own_run_folder, typed_overrides
from lungcam.runs.train_detector import train_detector
from lungcam.runs.train_nodes import train_nodes
from lungcam.runs.training_parts import (
    fit_loss,
    instantiate_group,
    make_augmentations,
    make_classifier,
    make_data_module,
    make_metrics,
    make_net,
    settle_precision,
)
from lungcam.runtime.atomic import write_json
from lungcam.runtime.distributed import rank
from lungcam.runtime.precision import FULL
from lungcam.runtime.versions import versions
from lungcam.tasks import Task, refuse_without_positive, task_named
from lungcam.training.checkpoint import METADATA_KEY, load_checkpoint
from lungcam.training.checkpoint_schema import TABLE_KEYS
from lungcam.training.classifier import Classifier
from lungcam.training.initial_weights import Start
from lungcam.training.lightning_checkpoint import AtomicCheckpointIO, CheckpointMetadata
from lungcam.training.loggers import log_configuration, log_results, open_loggers
from lungcam.training.own_run import code_records, seal_code
from lungcam.training.trainer import make_trainer, rank_zero_first
from lungcam.transforms import pipeline

# nodes that a checkpoint carries
CARRIED = ("task", "model", "view", "transforms", "explain")


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
        Score of the best epoch on validation (see `Task.score`), for sweeps to maximise; None if
        only a part of the cohort was prepared.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    nodes = train_nodes(config)
    if nodes["prepare"] is not None:
        # several processes may prepare parts; they write into the cache alone
        return _train_in(folder, nodes)
    with own_run_folder(folder, resumed=bool(nodes["resume"])):
        return _train_in(folder, nodes)


def _train_in(folder: Path, nodes: dict[str, Any]) -> float | None:
    """Train in a run folder that is this process's own."""
    resumed = _resumed(nodes, folder)
    step = (resumed["global_step"] if resumed else 0) if nodes["resume"] else None
    # nothing is logged while a part of the cohort is prepared, or a batch is tried
    logs = nodes["prepare"] is None and not nodes["trainer"].get("fast_dev_run")
    nodes["logger"] = nodes["logger"] if logs else {}
    with open_loggers(nodes["logger"], folder, step=step) as loggers:
        if nodes["task"] == DETECTION:
            return train_detector(nodes, folder, loggers=loggers)
        return _train(nodes, folder, loggers=loggers, resumed=resumed)


def _train(
    nodes: dict[str, Any],
    folder: Path,
    *,
    loggers: Sequence[Logger],
    resumed: dict[str, Any] | None,
) -> float | None:
    task = task_named(nodes["task"], allowed=composed_targets())
    refuse_without_positive(task, nodes["explain"], metrics=nodes["metrics"])
    if not nodes["resume"] and rank() == 0:
        seal_code(folder, nodes)
    session = _start(nodes, folder, loggers=loggers, resumed=resumed)
    pl.seed_everything(nodes["seed"], workers=True)
    metrics = make_metrics(nodes)
    transforms = pipeline(instantiate_group(nodes, "transforms"))
    augmentations = make_augmentations(nodes)
    net, start = make_net(nodes)
    with rank_zero_first(session.trainer):
        cohort = task.label(compose_cohort(nodes["data"], allowed=composed_targets()))
        task = task.of(cohort)
        classifier = make_classifier(net, nodes, start=start, task=task)
        data = make_data_module(
            cohort, transforms, nodes=nodes, classifier=classifier, task=task, changes=augmentations
        )
        if nodes["prepare"] is not None:
            prepare_part(data, nodes["prepare"])
            return None
        data.setup()
        task.initialise(classifier, data.splits["train"])
        fit_loss(classifier.loss, data.splits["train"])
        if start is not None:
            data.notes.extend(_seen(start, data))
    session.metadata.metadata["task"] = task.state
    _record_data(session, data, cohort=cohort)
    log_configuration(loggers, nodes, folder=folder)
    _fit(session, classifier, data=data)
    if tried := session.trainer.fast_dev_run:
        if rank() == 0:
            print(f"training and validation passed with {int(tried)} batch(es); nothing else ran.")
        return None
    if rank() > 0:
        return math.nan  # rank zero evaluates
    run = _trained(session, classifier, task=task, data=data, metrics=metrics)
    evaluation = evaluate(run)
    log_figures(
        loggers,
        HydraConfig.get().overrides.task,
        metrics=evaluation.metrics,
        step=load_checkpoint(session.last)["global_step"],
    )
    log_results(loggers, evaluation.metrics, folder / "report.html")
    # written last: its presence marks a run as finished
    write_json(folder / "metrics.json", evaluation.metrics)
    print(evaluation.summary)
    return evaluation.metrics["val"][task.score]


def _resumed(nodes: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """Load the checkpoint from which a run is continued, if there is one."""
    last = _last_checkpoint(folder)
    return load_checkpoint(last) if nodes["resume"] and last.is_file() else None


def _last_checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def _start(
    nodes: dict[str, Any],
    folder: Path,
    *,
    loggers: Sequence[Logger],
    resumed: dict[str, Any] | None,
) -> TrainingSession:
    """Make the trainer of a new run, or of a run that is continued."""
    callbacks = list(instantiate_group(nodes, "callbacks").values())
    last = _last_checkpoint(folder)
    settle_precision(nodes["trainer"], resumed[METADATA_KEY] if resumed else {})
    carried = {name: nodes[name] for name in CARRIED}
    carried["table"] = {key: nodes["data"][key] for key in TABLE_KEYS if key in nodes["data"]}
    metadata = CheckpointMetadata(
        {
            "config": carried,
            "plugins": code_records(nodes),
            "precision": nodes["trainer"]["precision"],
            "versions": versions(),
        }
    )
    trainer = make_trainer(
        nodes["trainer"],
        folder,
        logger=loggers,
        callbacks=[
            metadata,
            EpochSeed(nodes["seed"]),
            LearningCurves(folder),
            LastCheckpoint(last),
            *callbacks,
        ],
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


def _record_data(session: TrainingSession, data: ScanDataModule, *, cohort: Cohort) -> None:
    """Add the data to the checkpoints' metadata and to the run folder, and print its notes.

    Raises:
        InputError: A run is continued with other scans.
    """
    metadata, folder = session.metadata.metadata, session.folder
    metadata["label_rule"] = cohort.label_rule
    seen = {split: data.splits[split] for split in ("train", "val")}
    synthetic = cohort.synthetic or all(
        is_phantom(sample.image) for samples in seen.values() for sample in samples
    )
    metadata[TRAINING] = training_record(cohort, seen, traits=data.traits, synthetic=synthetic)
    metadata["pixels"] = sorted(
        {data.pixels[sample.sample_id] for side in ("train", "val") for sample in data.splits[side]}
    )
    metadata["series"] = series_hashes(
        sample.series_uid for samples in seen.values() for sample in samples
    )
    if session.resumed and session.resumed[METADATA_KEY].get("pixels") != metadata["pixels"]:
        raise InputError(f"{folder}: its scans have changed since it was begun; start a new run.")
    if rank() > 0:
        return
    write_manifest(folder / "splits.csv", data.splits, pixels=data.pixels)
    samples = [sample for side in data.splits.values() for sample in side]
    write_samples(folder / "samples.csv", samples, label_rule=cohort.label_rule)
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
    try:
        session.trainer.fit(classifier, datamodule=data, ckpt_path=ckpt_path)
    except Exception as error:
        if refusal := refusal_within(error, _configured(session, classifier, data=data)):
            raise refusal from error
        if isinstance(error, MisconfigurationException | ModuleNotFoundError):
            # a callback lacks what it needs
            raise InputError(f"callbacks: {' '.join(str(error).split())}") from error
        raise
    loss = session.trainer.callback_metrics.get("train/loss")
    if session.nodes["trainer"].get("overfit_batches") and loss is not None and rank() == 0:
        print(f"train/loss {loss:.4f} at the end: near 0, the net can learn these batches.")


def _configured(
    session: TrainingSession, classifier: Classifier, *, data: ScanDataModule
) -> dict[str, object]:
    """Return the objects that take part in the training, by the keys of their settings."""
    objects = zip(session.nodes["callbacks"], session.callbacks, strict=True)
    loggers = zip(session.nodes["logger"], session.trainer.loggers, strict=False)
    return {
        **{f"callbacks.{name}": callback for name, callback in objects},
        **{f"logger.{name}": logger for name, logger in loggers},
        "augmentation": data.augmentation,
        "loss": classifier.loss,
    }


def _trained(
    session: TrainingSession,
    classifier: Classifier,
    *,
    task: Task,
    data: ScanDataModule,
    metrics: Mapping[str, Metric],
) -> TrainedRun:
    """Collect what the evaluation needs of a run that was trained.

    Raises:
        InputError: No epoch was kept as the best.
    """
    folder, nodes = session.folder, session.nodes
    if not (folder / "checkpoints" / "best.ckpt").is_file():
        raise InputError(
            "callbacks: no epoch was kept as the best; leave callbacks.checkpoint in, and let the "
            "training validate at least once (trainer.check_val_every_n_epoch)."
        )
    return TrainedRun(
        trainer=_exact_trainer(session),
        classifier=classifier,
        task=task,
        data=data,
        folder=folder,
        label_rule=session.metadata.metadata["label_rule"],
        seed=nodes["seed"],
        explain=nodes["explain"],
        metrics=metrics,
        overrides=typed_overrides(folder),
    )


def _exact_trainer(session: TrainingSession) -> pl.Trainer:
    """Return a trainer for the evaluation: one process, in full precision, as exact as infer.py.

    It sees every sample once and in order, and logs to the loggers of the training.
    """
    nodes, trainer = session.nodes, session.trainer
    if trainer.world_size == 1 and nodes["trainer"]["precision"] == FULL:
        trainer.callbacks = _evaluation_callbacks(trainer.callbacks)
        return trainer
    return make_trainer(
        {**nodes["trainer"], "precision": FULL},
        session.folder,
        logger=trainer.loggers,
        callbacks=_evaluation_callbacks(session.callbacks),
        alone=True,
    )


def _evaluation_callbacks(callbacks: Sequence[pl.Callback]) -> list[pl.Callback]:
    """Leave out the one callback that refuses to predict several splits."""
    return [callback for callback in callbacks if not isinstance(callback, BatchSizeFinder)]


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
