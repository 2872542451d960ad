"""The cohort as Lightning wants it."""

from pathlib import Path

import pytorch_lightning as pl
import torch
import torchio as tio

from lungcam.cohorts.sample import Cohort
from lungcam.data.dataset import PreparedDataset
from lungcam.data.preparation import prepare_cohort
from lungcam.data.splits import split_by_patient
from lungcam.transforms import shows_whole_chest


class ScanDataModule(pl.LightningDataModule):
    """Splits a cohort by patient, prepares its scans and serves them in batches.

    Args:
        cohort: Samples and their label rule; samples without a label are left out, and where the
            transforms show a nodule's surroundings, those without a centre unless all are (crops).
        transforms: From `lungcam.transforms.pipeline`.
        cache: Folder of prepared inputs.
        val: Share of the patients for validation.
        test: Share of the patients for the test.
        batch_size: Samples a batch.
        workers: Processes that read batches; 0 reads in the main process.
        seed: Of the split and of the order of training samples.
        augmentation: Random TorchIO transforms of the training samples' inputs.
    """

    def __init__(
        self,
        cohort: Cohort,
        transforms: tio.Compose,
        cache: Path,
        val: float,
        test: float,
        batch_size: int,
        workers: int,
        seed: int,
        augmentation: tio.Transform | None = None,
    ):
        super().__init__()
        self.cohort = cohort
        self.transforms = transforms
        self.cache = cache
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.augmentation = augmentation
        labelled = [sample for sample in cohort.samples if sample.label is not None]
        located = [sample for sample in labelled if sample.center_mm is not None]
        if located and not shows_whole_chest(transforms):
            labelled = located
        self.splits = split_by_patient(labelled, val, test, seed)
        self.datasets: dict[str, PreparedDataset] = {}

    def setup(self, stage: str | None = None) -> None:
        """Prepare what is not in the cache yet."""
        if self.datasets:
            return
        everyone = [sample for samples in self.splits.values() for sample in samples]
        files = prepare_cohort(everyone, self.transforms, self.cache)
        self.datasets = {
            name: PreparedDataset(samples, files, self.augmentation if name == "train" else None)
            for name, samples in self.splits.items()
        }

    def train_dataloader(self) -> tio.SubjectsLoader:
        """Training samples, shuffled anew each epoch from the seed."""
        generator = torch.Generator().manual_seed(self.seed)
        return self._loader("train", shuffle=True, generator=generator)

    def val_dataloader(self) -> tio.SubjectsLoader:
        """Validation samples in the table's order."""
        return self._loader("val")

    def predict_dataloader(self) -> list[tio.SubjectsLoader]:
        """Validation samples, then test samples, in the table's order."""
        return [self._loader("val"), self._loader("test")]

    def _loader(self, split: str, **options) -> tio.SubjectsLoader:
        return tio.SubjectsLoader(
            self.datasets[split],
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            **options,
        )
