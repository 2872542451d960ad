"""The cohort as Lightning wants it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torchio as tio
from torch.utils.data import DataLoader

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.data.auxiliary_targets import attribute_table, nodule_table, standardise
from lungcam.data.cache_entry import read
from lungcam.data.dataset import PreparedDataset
from lungcam.data.leakage import refuse_crossed_pixels, refuse_shared_pixels, refuse_shared_scans
from lungcam.data.prepare import Preparation, estimate, plan, prepare_cohort
from lungcam.data.sampler import EpochOrder, mixed
from lungcam.data.splits import SplitRule, split_cohort
from lungcam.errors import InputError
from lungcam.transforms import is_crop

# fewer scans are prepared before an estimate would be of use
ESTIMATED_FROM = 50
# of a batch, drawn from the generator
BatchAugmentation = Callable[[Mapping[str, torch.Tensor], torch.Generator], dict[str, torch.Tensor]]
# of samples, to arrays `(N, ...)` by name
Targets = Callable[[Sequence[Sample]], Mapping[str, np.ndarray]]
# of an entry's facts, those that are kept for every sample
TOLD = ("pixels", "study_uid", "series_uid", "extent_mm")


def with_uids(sample: Sample, study_uid: str, *, series_uid: str) -> Sample:
    """Add the UIDs of a file's headers where the sample has none."""
    study_uid, series_uid = sample.study_uid or study_uid, sample.series_uid or series_uid
    if (study_uid, series_uid) == (sample.study_uid or "", sample.series_uid or ""):
        return sample
    return replace(sample, study_uid=study_uid or None, series_uid=series_uid or None)


class ScanDataModule(pl.LightningDataModule):
    """Splits a cohort by patient, prepares its scans and serves them in batches.

    Args:
        cohort: Samples and their label rule; see `split_cohort`.
        transforms: From `lungcam.transforms.pipeline`.
        cache: Folder of prepared inputs.
        split: How the samples are split.
        batch_size: Samples a batch.
        workers: Processes that read batches; 0 reads in the main process.
        seed: Of the split, of the order of training samples and of their augmentation.
        augmentation: Random TorchIO transforms of each training sample's input.
        batch_augmentation: Function of a training batch, where the net runs, and of a generator on
            the CPU, that gives what the net is shown instead; see `lungcam.transforms.RandomPoses`.
        attributes: Names of what is learnt beside the label; see `attribute_table`.
        lesions: Whether the lesions' masks are learnt too.
        balls: Whether it is learnt where nodules lie, as far as centres and diameters tell.
        targets: Function of samples that returns targets next to the label, `(N, ...)` each, by
            their names in a batch; None where there are none.
        unlabelled: True if samples without a label are used on every side.

    Raises:
        InputError: The cohort cannot be split, or leaks, or what is to be learnt is not known.
    """

    def __init__(
        self,
        cohort: Cohort,
        transforms: tio.Compose,
        *,
        cache: Path,
        split: SplitRule,
        batch_size: int,
        workers: int,
        seed: int,
        augmentation: tio.Transform | None = None,
        batch_augmentation: BatchAugmentation | None = None,
        attributes: Sequence[str] = (),
        lesions: bool = False,
        balls: bool = False,
        targets: Targets | None = None,
        unlabelled: bool = False,
    ):
        super().__init__()
        self.transforms = transforms
        self.cache = cache
        self.split = split
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.augmentation = augmentation
        self.batch_augmentation = batch_augmentation
        self.attributes = tuple(attributes)
        self.lesions = lesions
        self.balls = balls
        self.targets = targets
        if (lesions or balls) and changes(augmentation):
            name = "outline" if lesions else "location"
            raise InputError(
                f"auxiliary.{name}: TorchIO's transforms would move the input and leave the mask; "
                "choose augmentation=flips, poses or none."
            )
        self.splits, self.notes = split_cohort(
            cohort,
            transforms,
            split=split,
            seed=seed,
            lesions=lesions,
            attributes=self.attributes,
            unlabelled=unlabelled,
        )
        self.left_out: dict[str, str] = {}
        self.datasets: dict[str, PreparedDataset] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.pixels: dict[str, str] = {}

    def prepare(self, samples: Sequence[Sample]) -> Preparation:
        """Prepare what is not in the cache yet of some samples.

        Raises:
            InputError: There is no room for it, or nothing can be prepared.
        """
        planned = plan(samples, self.transforms, root=self.cache, lesions=self.lesions)
        if len(planned.jobs) >= ESTIMATED_FROM:
            cost = estimate(planned.jobs, self.transforms, root=self.cache)
            print(cost.sentence)
            cost.demand_room(self.cache)
        return prepare_cohort(planned, self.transforms)

    def setup(self, stage: str | None = None) -> None:
        """Prepare what is not in the cache yet, leave out what cannot be, and look for leaks."""
        if self.datasets:
            return
        prepared = self.prepare([one for samples in self.splits.values() for one in samples])
        self.left_out = dict(prepared.left_out)
        self.told = {name: _told(file) for name, file in prepared.files.items()}
        self.splits = {
            name: [
                # a table need not tell the UIDs that its files hold
                with_uids(one, told["study_uid"], series_uid=told["series_uid"])
                for one in samples
                if (told := self.told.get(one.sample_id))
            ]
            for name, samples in self.splits.items()
        }
        for name, samples in self.splits.items():
            if not {0, 1} <= {sample.label for sample in samples}:
                raise InputError(_one_sided(name, samples, left_out=self.left_out))
        if self.lesions and not any(one.lesion_mask for one in self.splits["train"]):
            raise InputError(
                "auxiliary.outline: no training sample has a mask of its lesion; give masks "
                "(data.columns.mask), or set it to 0."
            )
        if self.balls and not len(nodule_table(self.splits["train"])):
            self.notes.append(
                "no nodule of the training samples has a known place: to learn from outcomes alone "
                "takes thousands of scans"
            )
        self.datasets = {name: self._dataset(name, prepared.files) for name in self.splits}
        self.pixels = {name: told["pixels"] for name, told in self.told.items()}
        everyone = [sample for samples in self.splits.values() for sample in samples]
        refuse_shared_scans(everyone)
        refuse_shared_pixels(everyone, self.pixels)
        if self.split.told is not None:
            refuse_crossed_pixels(self.splits, self.pixels, manifest=self.split.told)

    def _dataset(self, name: str, files: Mapping[str, Path]) -> PreparedDataset:
        samples, training = self.splits[name], name == "train"
        attributes = None
        if training and self.attributes:
            known = attribute_table(samples, self.attributes)
            attributes = standardise(known, self.attributes)
        return PreparedDataset(
            samples,
            files,
            transforms=self.transforms,
            # to make a subject of an input and then not change it costs time
            augmentation=self.augmentation if training and changes(self.augmentation) else None,
            seed=self.seed,
            attributes=attributes,
            lesions=self.lesions,
            targets=self.targets(samples) if self.targets else {},
            balls=nodule_table(samples) if training and self.balls else None,
        )

    def crop_depths(self, split: str) -> dict[str, float]:
        """Size from foot to head, in mm, of a split's images that are crops, by sample_id."""
        extents = {
            one.sample_id: self.told[one.sample_id]["extent_mm"] for one in self.splits[split]
        }
        return {name: float(mm[2]) for name, mm in extents.items() if is_crop(mm)}

    def train_dataloader(self) -> DataLoader:
        """Training samples, in an order that hangs on the seed and the epoch alone."""
        dataset = self.datasets["train"]
        order = EpochOrder(dataset, self.seed, *self._share)
        # workers read ahead before Lightning tells the epoch from which a run goes on
        order.set_epoch(self.trainer.current_epoch if self.trainer else 0)
        return self._loader(dataset, sampler=order)

    def val_dataloader(self) -> DataLoader:
        """Validation samples in the table's order; of several processes each has its share."""
        dataset, (count, rank) = self.datasets["val"], self._share
        return self._loader(dataset, sampler=range(rank, len(dataset), count))

    def predict_dataloader(self) -> list[DataLoader]:
        """Validation samples, then test samples, in the table's order."""
        return [self._loader(self.datasets[name]) for name in ("val", "test")]

    @property
    def _share(self) -> tuple[int, int]:
        """Number of processes that train, and which of them this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int) -> dict:
        """Augment a training batch as a whole, where it is."""
        if self.batch_augmentation is not None and self.trainer.training:
            # an index is served once in an epoch, whatever the number of processes
            epoch, index = int(self.datasets["train"].epoch), int(batch["index"][0])
            generator = torch.Generator().manual_seed(mixed(self.seed, epoch, index))
            return self.batch_augmentation(batch, generator)
        return batch

    def _loader(self, dataset: PreparedDataset, **options) -> DataLoader:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            collate_fn=_collated,
            # without one of its own, to read a batch would move the training's dice
            generator=torch.Generator().manual_seed(self.seed),
            **options,
        )


def changes(augmentation: tio.Transform | None) -> bool:
    """Whether there is anything to apply; an empty Compose has nothing."""
    return len(augmentation) > 0 if isinstance(augmentation, tio.Compose) else bool(augmentation)


def _collated(batch: dict) -> dict:
    """Leave a batch as it is: the data set gives whole ones."""
    return batch


def _told(file: Path) -> dict[str, Any]:
    facts = read(file).facts
    return {name: facts[name] for name in TOLD}


def _one_sided(name: str, samples: Sequence[Sample], *, left_out: dict[str, str]) -> str:
    """Say that a side lacks a label, and why if scans were left out."""
    labels = [sample.label for sample in samples]
    told = f"{name}: {labels.count(1)} positive and {labels.count(0)} negative samples are left"
    if left_out:
        told += f"; {len(left_out)} were left out, the first since {next(iter(left_out.values()))}"
    return f"{told.rstrip('.')}; give samples of both labels, or change split.* or seed."
