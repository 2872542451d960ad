"""Parts of a training, each made from its node of the configuration."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torchio as tio
from hydra.utils import get_object
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.config.instantiate import composed_targets, instantiate
from lungcam.config.options import AuxiliaryWeights
from lungcam.data import SplitRule
from lungcam.data.datamodule import BatchAugmentation, ScanDataModule
from lungcam.errors import InputError
from lungcam.evaluation.own_metrics import Metric, check_metric
from lungcam.explain.options import check_layer
from lungcam.runtime.devices import choose_accelerator
from lungcam.runtime.distributed import rank
from lungcam.runtime.precision import AUTO, FULL, choose_precision, objection
from lungcam.tasks import Task
from lungcam.training.classifier import Classifier
from lungcam.training.initial_weights import Start, freeze, start_from
from lungcam.training.losses import Loss


def make_net(nodes: dict[str, Any]) -> tuple[nn.Module, Start | None]:
    """Make the net, and set its weights to those of a file if one is given."""
    net = _instantiate(nodes["model"], "model")
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


def make_classifier(
    net: nn.Module, nodes: dict[str, Any], *, start: Start | None, task: Task
) -> Classifier:
    """Wrap the net, with its optimizer, its loss and the weights of auxiliary losses."""
    scheduler = _instantiate(nodes["scheduler"], "scheduler") if nodes["scheduler"] else None
    weights = nodes["auxiliary"]
    if min(weights.values()) < 0:
        raise InputError("auxiliary: a weight is below 0; give 0 or more.")
    if any(weights.values()) and not hasattr(net, "read"):
        raise InputError(
            "auxiliary: the model learns from labels alone; choose model=nodule or model=lungs."
        )
    if weights["attributes"] and not net.attributes:
        raise InputError("auxiliary.attributes: name some in model.attributes, or set it to 0.")
    before = dict(net.named_parameters())
    classifier = task.classifier(
        net,
        optimizer=_instantiate(nodes["optimizer"], "optimizer"),
        scheduler=scheduler,
        auxiliary=AuxiliaryWeights(**weights),
        loss=_instantiate(nodes["loss"], "loss"),
    )
    task.choose(classifier, nodes["explain"].get("class_name"))
    if start is not None:
        # a layer that the task has replaced is not what was loaded
        kept = {name for name, own in classifier.net.named_parameters() if before.get(name) is own}
        classifier.loaded = frozenset(start.loaded) & kept
        classifier.loaded_rate = nodes["init_lr"]
    return classifier


def fit_loss(loss: Loss, train: Sequence[Sample]) -> None:
    """Let a loss that depends on the training labels see them."""
    labels = [sample.label for sample in train if sample.label is not None]
    if hasattr(loss, "fit") and labels:
        loss.fit(np.array(labels))


def make_augmentations(nodes: dict[str, Any]) -> tuple[tio.Compose, BatchAugmentation | None]:
    """Make TorchIO's transforms of single samples, and at most one of whole batches."""
    augmentations = instantiate_group(nodes, "augmentation")
    single = {
        name: augmentation
        for name, augmentation in augmentations.items()
        if isinstance(augmentation, tio.Transform)
    }
    whole = [augmentation for name, augmentation in augmentations.items() if name not in single]
    if len(whole) > 1:
        raise InputError("augmentation: one transform of whole batches can be applied; choose one.")
    return tio.Compose(single, copy=False), next(iter(whole), None)


def make_data_module(
    cohort: Cohort,
    transforms: tio.Compose,
    *,
    nodes: dict[str, Any],
    classifier: Classifier,
    task: Task,
    changes: tuple[tio.Compose, BatchAugmentation | None],
) -> ScanDataModule:
    """Make the data module, which gives the net what its losses learn from.

    Args:
        cohort: Samples with the task's labels.
        transforms: Preparation of a scan.
        nodes: Plain configuration.
        classifier: Net and weights of auxiliary losses.
        task: The task.
        changes: From `make_augmentations`.
    """
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
        strata_of=task.strata,
        lack=task.lack,
    )


def make_metrics(nodes: dict[str, Any]) -> dict[str, Metric]:
    """Make the user's own metrics: a function is taken as it is, a class is called."""
    metrics = {}
    for name, node in nodes["metrics"].items():
        if not isinstance(node, dict) or "_target_" not in node:
            raise InputError(f"metrics.{name}: name a function: +metrics.{name}._target_=NAME.")
        is_function = inspect.isroutine(get_object(node["_target_"]))
        metrics[name] = _instantiate(node | {"_partial_": is_function}, f"metrics.{name}")
        check_metric(name, metrics[name])
    return metrics


def settle_precision(trainer: dict[str, Any], begun: Mapping[str, Any]) -> None:
    """Replace `auto` by the precision of the device, or by that in which the run has begun.

    Args:
        trainer: Node `trainer`, which is changed.
        begun: Metadata of the checkpoint that is continued; empty for a new run.
    """
    kind = choose_accelerator(
        trainer.get("accelerator", "auto"), trainer["gpus"], prefix="trainer."
    )
    gpu = kind == "gpu"
    precision = trainer["precision"]
    if precision == AUTO:
        # Lightning knows no mixed precision on Apple's GPUs
        precision = FULL if kind == "mps" else choose_precision(precision, gpu=gpu)
    trainer["precision"] = precision = begun.get("precision", precision)
    if (reason := objection(precision, gpu=gpu)) and rank() == 0:
        print(f"note: trainer.precision={precision}: {reason}; auto chooses what suits the device.")


def instantiate_group(nodes: dict[str, Any], group: str) -> dict[str, Any]:
    """Make every named object of a group."""
    return {name: _instantiate(node, f"{group}.{name}") for name, node in nodes[group].items()}


def _instantiate(node: dict[str, Any], path: str) -> Any:
    """Make the object that a node of the user's configuration describes."""
    return instantiate(node, path, allowed=composed_targets())
