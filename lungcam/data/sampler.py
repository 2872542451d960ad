"""Random numbers and orders of an epoch that depend only on seed and epoch, for exact resuming."""

import numpy as np
from torch.utils.data import Dataset, DistributedSampler


class EpochSampler(DistributedSampler):
    """Sampler that shuffles a data set by seed and epoch; Lightning calls `set_epoch`.

    Args:
        dataset: Data set with an attribute `epoch`, a tensor that is set to the epoch too.
        seed: Seed of the order.
        replicas: Number of processes that train together.
        rank: Number of this process.
    """

    def __init__(self, dataset: Dataset, seed: int, *, replicas: int = 1, rank: int = 0):
        # the epoch is added to it: those of neighbouring seeds must not meet
        super().__init__(dataset, replicas, rank, shuffle=True, seed=mix_seed(seed) >> 1)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next order."""
        super().set_epoch(epoch)
        self.dataset.epoch.fill_(epoch)


def mix_seed(*numbers: int) -> int:
    """Return a seed that differs for every choice of numbers, each 0 or more."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
