"""What is random in an epoch hangs on the seed and the epoch alone, so that it can be resumed."""

import numpy as np
from torch.utils.data import Dataset, DistributedSampler


def mixed(*numbers: int) -> int:
    """Seed that is another for every choice of numbers, each 0 or more."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class EpochOrder(DistributedSampler):
    """Shuffles a data set anew in each epoch; Lightning tells the epoch by `set_epoch`.

    Args:
        dataset: With an attribute `epoch`, a tensor, which is told the epoch too.
        seed: Of the order.
        replicas: Processes that train together.
        rank: This one's number.
    """

    def __init__(self, dataset: Dataset, seed: int, replicas: int = 1, rank: int = 0):
        # the epoch is added to it: those of neighbouring seeds must not meet
        super().__init__(dataset, replicas, rank, shuffle=True, seed=mixed(seed) >> 1)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is given next."""
        super().set_epoch(epoch)
        self.dataset.epoch.fill_(epoch)
