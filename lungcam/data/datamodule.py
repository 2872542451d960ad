"""LightningDataModule of a cohort."""

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
from lungcam.data.cache_entry import read_entry
from lungcam.data.dataset import PreparedDataset
from lungcam.data.leakage import refuse_crossed_pixels, refuse_shared_pixels, refuse_shared_scans
from lungcam.data.prepare import Preparation, estimate, plan, prepare_cohort
from lungcam.data.sampler import EpochSampler, mix_seed
from lungcam.data.splits import SplitRule, StrataRule, split_cohort
from lungcam.data.strata import Lack, label_strata, missing_label
from lungcam.errors import InputError
from lungcam.runtime.atomic import clear_unfinished
from lungcam.transforms import is_crop

# with fewer scans to prepare an estimate would take longer than it helps
ESTIMATED_FROM = 50
# facts of an entry that are kept for every sample
FACTS = ("pixels", "study_uid", "series_uid", "extent_mm", "traits")
# function of a batch and a generator
BatchAugmentation = Callable[[Mapping[str, torch.Tensor], torch.Generator], dict[str, torch.Tensor]]
# function of samples that returns arrays `(N, ...)` by name
Targets = Callable[[Sequence[Sample]], Mapping[str, np.ndarray]]


class ScanDataModule(pl.LightningDataModule):
    """Split a cohort by patient, prepare its scans and load them in batches.

    Args:
        cohort: Samples and their label rule; see `split_cohort`.
        transforms: From `lungcam.transforms.pipeline`.
        cache: Folder of prepared inputs.
        split: Rule by which the samples are split.
        batch_size: Samples in a batch.
        workers: Processes that read batches; 0 reads in the main process.
        seed: Seed of the split, of the order of training samples and of their augmentation.
        augmentation: Random TorchIO transforms of each training sample's input.
        batch_augmentation: Function of a training batch, on the network's device, and of a
            generator on the CPU, that returns the augmented batch; see
            `lungcam.transforms.RandomPoses`.
        attributes: Names of attributes that are targets of training; see `attribute_table`.
        lesions: True if the lesions' masks are targets of training.
        locations: True if the places of nodules are targets of training, as far as centres and
            diameters are known.
        targets: Function of samples that returns targets next to the label, `(N, ...)` each, by
            their names in a batch; None if there are none.
        unlabelled: True if samples without a label are used in every split.
        strata_of: Groups of samples that every split receives in its share.
        lack: Function of a split's samples that returns what is missing among them; None if they
            can train and test a net.

    Raises:
        InputError: The cohort cannot be split, or leaks, or a target of training is unknown.
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
        locations: bool = False,
        targets: Targets | None = None,
        unlabelled: bool = False,
        strata_of: StrataRule = label_strata,
        lack: Callable[[Sequence[Sample]], Lack | None] = missing_label,
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
        self.locations = locations
        self.targets = targets
        self.lack = lack
        if (lesions or locations) and changes_input(augmentation):
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
            strata_of=strata_of,
        )
        self.left_out: dict[str, str] = {}
        self.datasets: dict[str, PreparedDataset] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.pixels: dict[str, str] = {}

    def prepare(self, samples: Sequence[Sample]) -> Preparation:
        """Prepare the inputs of samples that are not in the cache yet.

        Raises:
            InputError: There is no room for them, or nothing can be prepared.
        """
        clear_unfinished(self.cache)
        planned = plan(samples, self.transforms, root=self.cache, lesions=self.lesions)
        if len(planned.jobs) >= ESTIMATED_FROM:
            cost = estimate(planned.jobs, self.transforms, root=self.cache)
            print(cost.sentence)
            cost.demand_room(self.cache)
        return prepare_cohort(planned, self.transforms)

    def setup(self, stage: str | None = None) -> None:
        """Prepare missing inputs, leave out scans that cannot be prepared, and refuse leaks."""
        if self.datasets:
            return
        prepared = self.prepare([s for samples in self.splits.values() for s in samples])
        self.left_out = dict(prepared.left_out)
        self.facts = {name: _entry_facts(file) for name, file in prepared.files.items()}
        self.splits = {
            name: [
                # a table need not have the UIDs that its files hold
                _with_uids(sample, self.facts[sample.sample_id])
                for sample in samples
                if sample.sample_id in self.facts
            ]
            for name, samples in self.splits.items()
        }
        self._check_targets()
        self.datasets = {name: self._dataset(name, prepared.files) for name in self.splits}
        self.pixels = {name: facts["pixels"] for name, facts in self.facts.items()}
        samples = [sample for members in self.splits.values() for sample in members]
        refuse_shared_scans(samples)
        refuse_shared_pixels(samples, self.pixels)
        manifest = self.split.manifest_content
        if manifest is not None:
            refuse_crossed_pixels(self.splits, self.pixels, manifest=manifest)

    def _check_targets(self) -> None:
        """Refuse a split that lacks what a net needs, and outlines without a mask.

        Raises:
            InputError: Names the split or the setting.
        """
        for name, samples in self.splits.items():
            if lack := self.lack(samples):
                raise InputError(_lack_message(name, lack, left_out=self.left_out))
        if self.lesions and not any(sample.lesion_mask for sample in self.splits["train"]):
            raise InputError(
                "auxiliary.outline: no training sample has a mask of its lesion; give masks "
                "(data.columns.mask), or set it to 0."
            )
        if self.locations and not len(nodule_table(self.splits["train"])):
            self.notes.append(
                "no nodule of the training samples has a known place: to learn from outcomes alone "
                "takes thousands of scans"
            )

    def _dataset(self, name: str, files: Mapping[str, Path]) -> PreparedDataset:
        samples, training = self.splits[name], name == "train"
        attributes = None
        if training and self.attributes:
            table = attribute_table(samples, self.attributes)
            attributes = standardise(table, self.attributes)
        augmentation = self.augmentation if training and changes_input(self.augmentation) else None
        return PreparedDataset(
            samples,
            files,
            transforms=self.transforms,
            # wrapping an input in a subject takes time even if nothing changes it
            augmentation=augmentation,
            seed=self.seed,
            attributes=attributes,
            lesions=self.lesions,
            targets=self.targets(samples) if self.targets else {},
            nodules=nodule_table(samples) if training and self.locations else None,
        )

    def crop_depths(self, split: str) -> dict[str, float]:
        """Return the size from foot to head, in mm, of a split's images that are crops.

        Returns:
            Sizes by sample_id.
        """
        names = [sample.sample_id for sample in self.splits[split]]
        extents = {name: self.facts[name]["extent_mm"] for name in names}
        return {name: float(mm[2]) for name, mm in extents.items() if is_crop(mm)}

    def train_dataloader(self) -> DataLoader:
        """Load training samples, in an order that depends on the seed and the epoch alone."""
        dataset, (replicas, rank) = self.datasets["train"], self._replicas_and_rank
        sampler = EpochSampler(dataset, self.seed, replicas=replicas, rank=rank)
        # workers read ahead before Lightning sets the epoch at which a run is resumed
        sampler.set_epoch(self.trainer.current_epoch if self.trainer else 0)
        return self._loader(dataset, sampler=sampler)

    def val_dataloader(self) -> DataLoader:
        """Load validation samples in the table's order, divided among the processes."""
        dataset, (replicas, rank) = self.datasets["val"], self._replicas_and_rank
        return self._loader(dataset, sampler=range(rank, len(dataset), replicas))

    def predict_dataloader(self) -> list[DataLoader]:
        """Load validation samples, then test samples, in the table's order."""
        return [self._loader(self.datasets[name]) for name in ("val", "test")]

    @property
    def traits(self) -> dict[str, dict[str, Any]]:
        """Known traits of the scans, by sample_id."""
        return {name: facts["traits"] for name, facts in self.facts.items()}

    @property
    def _replicas_and_rank(self) -> tuple[int, int]:
        """Number of processes that train together, and the number of this one."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int) -> dict:
        """Augment a training batch as a whole, on its device."""
        if self.batch_augmentation is not None and self.trainer.training:
            # an index is loaded once in an epoch, whatever the number of processes
            epoch, index = int(self.datasets["train"].epoch), int(batch["index"][0])
            generator = torch.Generator().manual_seed(mix_seed(self.seed, epoch, index))
            return self.batch_augmentation(batch, generator)
        return batch

    def _loader(self, dataset: PreparedDataset, **options) -> DataLoader:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            collate_fn=_collate,
            # without its own generator, a loader would draw from the training's
            generator=torch.Generator().manual_seed(self.seed),
            **options,
        )


def changes_input(augmentation: tio.Transform | None) -> bool:
    """Return True if there is anything to apply; an empty Compose has nothing."""
    return len(augmentation) > 0 if isinstance(augmentation, tio.Compose) else bool(augmentation)


def _collate(batch: dict) -> dict:
    """Return a batch unchanged: the data set returns whole batches."""
    return batch


def _entry_facts(file: Path) -> dict[str, Any]:
    facts = read_entry(file).facts
    return {name: facts[name] for name in FACTS}


def _with_uids(sample: Sample, facts: Mapping[str, Any]) -> Sample:
    """Add the UIDs of a file's headers if the sample has none."""
    study_uid = sample.study_uid or facts["study_uid"]
    series_uid = sample.series_uid or facts["series_uid"]
    if (study_uid, series_uid) == (sample.study_uid or "", sample.series_uid or ""):
        return sample
    return replace(sample, study_uid=study_uid or None, series_uid=series_uid or None)


def _lack_message(name: str, lack: Lack, *, left_out: Mapping[str, str]) -> str:
    """Return a message on what a split lacks, with the reason if scans were left out."""
    message = f"{name}: {lack.reason}"
    if left_out:
        reason = next(iter(left_out.values()))
        message += f"; {len(left_out)} were left out, the first since {reason}"
    return f"{message.rstrip('.')}; give {lack.remedy}, or change split.* or seed."
