"""The cohort as Lightning wants it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import torchio as tio
from torch.utils.data import DistributedSampler

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.data.cache import load
from lungcam.data.dataset import PreparedDataset
from lungcam.data.estimate import estimate
from lungcam.data.overlap import (
    refuse_crossed_pixels,
    refuse_shared_pixels,
    refuse_shared_scans,
)
from lungcam.data.preparation import plan, prepare_cohort
from lungcam.data.splits import SplitRule
from lungcam.errors import InputError
from lungcam.transforms import is_crop, shows_whole_chest

# fewer scans are prepared before an estimate would be of use
ESTIMATED_FROM = 50


def usable_samples(
    samples: Sequence[Sample], transforms: tio.Compose
) -> tuple[list[Sample], list[str]]:
    """Samples that can be trained on, and sentences on the others.

    Without a label none can; where the transforms show a nodule's surroundings, none without a
    centre, unless all are without (crops).
    """
    labelled = [sample for sample in samples if sample.label is not None]
    located = [sample for sample in labelled if sample.center_mm is not None]
    used = located if located and not shows_whole_chest(transforms) else labelled
    notes = []
    if len(labelled) < len(samples):
        notes.append(
            f"left out, since the rule gives no label: {len(samples) - len(labelled)} of "
            f"{len(samples)} samples"
        )
    if len(used) < len(labelled):
        notes.append(
            f"left out, since there is no centre to show: {len(labelled) - len(used)} of "
            f"{len(samples)} samples"
        )
    return used, notes


def with_uids(sample: Sample, study_uid: str, series_uid: str) -> Sample:
    """Add the UIDs of a file's headers where the sample has none."""
    study_uid, series_uid = sample.study_uid or study_uid, sample.series_uid or series_uid
    if (study_uid, series_uid) == (sample.study_uid or "", sample.series_uid or ""):
        return sample
    return replace(sample, study_uid=study_uid or None, series_uid=series_uid or None)


class ScanDataModule(pl.LightningDataModule):
    """Splits a cohort by patient, prepares its scans and serves them in batches.

    Args:
        cohort: Samples and their label rule; see `usable_samples`.
        transforms: From `lungcam.transforms.pipeline`.
        cache: Folder of prepared inputs.
        split: How the samples are split.
        batch_size: Samples a batch.
        workers: Processes that read batches; 0 reads in the main process.
        seed: Of the split and of the order of training samples.
        augmentation: Random TorchIO transforms of the training samples' inputs.

    Raises:
        InputError: The cohort cannot be split, or leaks.
    """

    def __init__(
        self,
        cohort: Cohort,
        transforms: tio.Compose,
        cache: Path,
        split: SplitRule,
        batch_size: int,
        workers: int,
        seed: int,
        augmentation: tio.Transform | None = None,
    ):
        super().__init__()
        self.transforms = transforms
        self.cache = cache
        self.split = split
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.augmentation = augmentation
        samples, unused = usable_samples(cohort.samples, transforms)
        refuse_shared_scans(samples)
        self.splits, notes = split.split(samples, seed)
        self.notes = [one.rstrip(".") for one in (*cohort.notes, *unused, *notes)]
        self.left_out: dict[str, str] = {}
        self.datasets: dict[str, PreparedDataset] = {}
        self.told: dict[str, dict[str, np.ndarray]] = {}
        self.pixels: dict[str, str] = {}

    def setup(self, stage: str | None = None) -> None:
        """Prepare what is not in the cache yet, leave out what cannot be, and look for leaks."""
        if self.datasets:
            return
        everyone = [sample for samples in self.splits.values() for sample in samples]
        planned = plan(everyone, self.transforms, self.cache)
        if len(planned.jobs) >= ESTIMATED_FROM:
            cost = estimate(planned.jobs, self.transforms, self.cache)
            print(cost.sentence)
            cost.demand_room(self.cache)
        prepared = prepare_cohort(planned, self.transforms)
        self.left_out = dict(prepared.left_out)
        self.told = {
            name: load(file, ("pixels", "study_uid", "series_uid", "extent_mm"))
            for name, file in prepared.files.items()
        }
        self.splits = {
            name: [
                # a table need not tell the UIDs that its files hold
                with_uids(one, str(told["study_uid"]), str(told["series_uid"]))
                for one in samples
                if (told := self.told.get(one.sample_id))
            ]
            for name, samples in self.splits.items()
        }
        for name, samples in self.splits.items():
            if {sample.label for sample in samples} != {0, 1}:
                raise InputError(_one_sided(name, samples, self.left_out))
        self.datasets = {
            name: PreparedDataset(
                samples, prepared.files, self.augmentation if name == "train" else None
            )
            for name, samples in self.splits.items()
        }
        self.pixels = {name: str(told["pixels"]) for name, told in self.told.items()}
        everyone = [sample for samples in self.splits.values() for sample in samples]
        refuse_shared_scans(everyone)
        refuse_shared_pixels(everyone, self.pixels)
        if self.split.told is not None:
            refuse_crossed_pixels(self.splits, self.pixels, self.split.told)

    def crop_depths(self, split: str) -> dict[str, float]:
        """Size from foot to head, in mm, of a split's images that are crops, by sample_id."""
        extents = {
            one.sample_id: self.told[one.sample_id]["extent_mm"] for one in self.splits[split]
        }
        return {name: float(mm[2]) for name, mm in extents.items() if is_crop(mm)}

    def train_dataloader(self) -> tio.SubjectsLoader:
        """Training samples in an order that is a function of the seed and the epoch."""
        sampler = DistributedSampler(self.datasets["train"], *self._share, seed=self.seed)
        # workers read ahead before Lightning tells the epoch from which a run goes on
        sampler.set_epoch(self.trainer.current_epoch if self.trainer else 0)
        return self._loader("train", sampler=sampler)

    def val_dataloader(self) -> tio.SubjectsLoader:
        """Validation samples in the table's order; of several processes each has its share."""
        count, rank = self._share
        return self._loader("val", sampler=range(rank, len(self.datasets["val"]), count))

    def predict_dataloader(self) -> list[tio.SubjectsLoader]:
        """Validation samples, then test samples, in the table's order."""
        return [self._loader("val"), self._loader("test")]

    @property
    def _share(self) -> tuple[int, int]:
        """Number of processes that train, and which of them this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _loader(self, split: str, **options) -> tio.SubjectsLoader:
        return tio.SubjectsLoader(
            self.datasets[split],
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            # else each pass takes a number from the generator of dropout and augmentation
            generator=torch.Generator().manual_seed(self.seed),
            **options,
        )


def _one_sided(name: str, samples: Sequence[Sample], left_out: dict[str, str]) -> str:
    """Say that a side lacks a label, and why if scans were left out."""
    positive = sum(sample.label or 0 for sample in samples)
    told = f"{name}: {positive} positive and {len(samples) - positive} negative samples are left"
    if left_out:
        told += f"; {len(left_out)} were left out, the first since {next(iter(left_out.values()))}"
    return f"{told.rstrip('.')}; give samples of both labels, or change split.* or seed."
