"""Crops and whole scans as Lightning's training data for the detector."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from lungcam.detection.crops import Crop
from lungcam.detection.cubes import CubeMaker
from lungcam.detection.host import Host


class CubeData(pl.LightningDataModule):
    """Endless variety of cubes, equal for equal seeds, in epochs of equal length.

    Args:
        crops: Crops with a nodule each.
        hosts_of: Gives the whole scans of an epoch by its number; the same list if they are the
            same.
        mined: Shares of the epochs after which the places that look most like a nodule, and are
            none, are chosen by the net itself; at first they are those of a blob filter. In scans
            that are new to an epoch they are chosen as soon as they come.
        cubes: Number of cubes an epoch.
        batch_size: Number of cubes a step.
        workers: Number of processes that make cubes; 0 to make them in the main process.
        seed: Seed of the cubes.
    """

    def __init__(
        self,
        crops: Sequence[Crop],
        hosts_of: Callable[[int], Sequence[Host]],
        *,
        mined: Iterable[float],
        cubes: int,
        batch_size: int,
        workers: int,
        seed: int,
    ):
        super().__init__()
        self.crops, self.hosts_of, self.mined = crops, hosts_of, tuple(mined)
        self.hosts: Sequence[Host] = ()
        self.cubes, self.batch_size, self.workers, self.seed = cubes, batch_size, workers, seed

    def train_dataloader(self) -> DataLoader:
        """Return the cubes of the next epoch, with the hard places that are known by then."""
        epoch = self.trainer.current_epoch
        known, self.hosts = self.hosts, self.hosts_of(epoch)
        mined = {round(share * self.trainer.max_epochs) for share in self.mined}
        if epoch in mined or (known is not self.hosts and any(epoch > first for first in mined)):
            self.trainer.lightning_module.mine(self.hosts)
        return DataLoader(
            CubeDataset(CubeMaker(self.crops, self.hosts), self.cubes, seed=(self.seed, epoch)),
            batch_size=self.batch_size,
            num_workers=self.workers,
            prefetch_factor=8 if self.workers else None,
            multiprocessing_context="fork" if self.workers else None,
        )


class CubeDataset(Dataset):
    """Cubes by their number.

    Args:
        maker: Maker of the cubes.
        count: Number of cubes.
        seed: Seeds of the cubes, to which their number is added.
    """

    def __init__(self, maker: CubeMaker, count: int, *, seed: Sequence[int]):
        self.maker, self.count, self.seed = maker, count, tuple(seed)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        cube = self.maker.make(np.random.default_rng((*self.seed, number)))
        return {
            "hu": torch.from_numpy(cube.hu)[None],
            "target": torch.from_numpy(cube.target),
            "used": torch.from_numpy(cube.used),
        }
